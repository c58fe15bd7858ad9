/**
 * What lies under the cameras. By default the console's own plain ground: it needs nothing from outside, so that the map also works
 * in a control room without the internet. A province puts its own basemap there by a setting: a PMTiles file or a whole style.
 *
 * Boundaries are never drawn from a third party's basemap: whose line it is, is not for this console to say. Hoàng Sa and Trường Sa
 * are named on every ground of our own, as maps published in Vietnam have to.
 */
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { MapSettings } from '../types.ts';

const INK = { ground: '#14191d', land: '#181e22', green: '#18211d', water: '#0e1a24', road: '#2b343b', road2: '#353f47', road3: '#424e57', text: '#8c98a2', halo: '#0f1316', line: '#20282e' };

/** Without `glyphs` in the style the map draws letters with this machine's fonts, Vietnamese marks included. */
const FONT = ['Inter Variable', 'sans-serif'];

const ISLANDS: GeoJSON.FeatureCollection = {
  type: 'FeatureCollection',
  features: [
    { type: 'Feature', properties: { text: 'Quần đảo Hoàng Sa\n(Việt Nam)' }, geometry: { type: 'Point', coordinates: [112.0, 16.5] } },
    { type: 'Feature', properties: { text: 'Quần đảo Trường Sa\n(Việt Nam)' }, geometry: { type: 'Point', coordinates: [114.0, 9.5] } },
  ],
};

const islands: LayerSpecification = {
  id: 'islands',
  type: 'symbol',
  source: 'islands',
  maxzoom: 11,
  layout: { 'text-field': ['get', 'text'], 'text-font': FONT, 'text-size': 12 },
  paint: { 'text-color': INK.text, 'text-halo-color': INK.halo, 'text-halo-width': 1.5 },
};

const ground: LayerSpecification = { id: 'ground', type: 'background', paint: { 'background-color': INK.ground } };

/** Layers for vector tiles in the Protomaps basemap schema, version 4. */
function protomapsLayers(): LayerSpecification[] {
  const road = (id: string, kinds: string[], color: string, width: [number, number], minzoom: number): LayerSpecification => ({
    id,
    type: 'line',
    source: 'basemap',
    'source-layer': 'roads',
    minzoom,
    filter: ['in', ['get', 'kind'], ['literal', kinds]],
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': color, 'line-width': ['interpolate', ['exponential', 1.6], ['zoom'], minzoom, width[0], 18, width[1]] },
  });
  const label = (id: string, layer: string, minzoom: number, size: number, placement: 'point' | 'line', filter: string[]): LayerSpecification => ({
    id,
    type: 'symbol',
    source: 'basemap',
    'source-layer': layer,
    minzoom,
    filter: ['in', ['get', 'kind'], ['literal', filter]],
    layout: { 'text-field': ['coalesce', ['get', 'name:vi'], ['get', 'name']], 'text-font': FONT, 'text-size': size, 'symbol-placement': placement, 'text-max-width': 8 },
    paint: { 'text-color': INK.text, 'text-halo-color': INK.halo, 'text-halo-width': 1.2 },
  });
  return [
    { id: 'earth', type: 'fill', source: 'basemap', 'source-layer': 'earth', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': INK.land } },
    { id: 'green', type: 'fill', source: 'basemap', 'source-layer': 'landuse', filter: ['in', ['get', 'kind'], ['literal', ['park', 'forest', 'wood', 'grass', 'nature_reserve', 'cemetery']]], paint: { 'fill-color': INK.green } },
    { id: 'water', type: 'fill', source: 'basemap', 'source-layer': 'water', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': INK.water } },
    road('roads-minor', ['minor_road', 'path'], INK.road, [0.4, 9], 12),
    road('roads-medium', ['medium_road'], INK.road2, [0.5, 12], 9),
    road('roads-major', ['major_road', 'highway'], INK.road3, [0.7, 16], 6),
    label('road-names', 'roads', 14, 11, 'line', ['major_road', 'medium_road', 'highway', 'minor_road']),
    label('place-names', 'places', 5, 13, 'point', ['locality', 'neighbourhood', 'macrohood']),
  ];
}

/** The style for what the settings name; the address of a whole style of its own, where they name one. */
export function styleFor(map: MapSettings, origin: string): StyleSpecification | string {
  if (map.style_url) return new URL(map.style_url, origin).href;
  const own: StyleSpecification = {
    version: 8,
    sources: { islands: { type: 'geojson', data: ISLANDS } },
    layers: [ground],
  };
  if (map.pmtiles_url) {
    own.sources['basemap'] = { type: 'vector', url: `pmtiles://${new URL(map.pmtiles_url, origin).href}`, attribution: map.attribution ?? '' };
    own.layers.push(...protomapsLayers());
  }
  own.layers.push(islands);
  return own;
}

/** Whether the ground is so plain that it takes lines of longitude and latitude to tell where one is. */
export function isPlain(map: MapSettings): boolean {
  return !map.style_url && !map.pmtiles_url;
}

/** Lines of longitude and latitude, filled in by {@link graticule} at each move. */
export const graticuleLayers = (unit: number): LayerSpecification[] => [
  { id: 'graticule-lines', type: 'line', source: 'graticule', filter: ['==', ['geometry-type'], 'LineString'], paint: { 'line-color': INK.line, 'line-width': 1 } },
  {
    id: 'graticule-labels',
    type: 'symbol',
    source: 'graticule',
    filter: ['==', ['geometry-type'], 'Point'],
    layout: { 'text-field': ['get', 'text'], 'text-font': FONT, 'text-size': 10.5 * unit, 'text-allow-overlap': true },
    paint: { 'text-color': '#7f8b95', 'text-halo-color': INK.ground, 'text-halo-width': 1 },
  },
];

/** Cameras: the mark of their state, and from near their names. `unit` is how much larger than usual letters are on this screen. */
export const cameraLayers = (unit: number): LayerSpecification[] => [
  {
    id: 'cameras',
    type: 'symbol',
    source: 'cameras',
    layout: {
      'icon-image': ['concat', 'camera-', ['get', 'state']],
      'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.5 * unit, 13, 0.85 * unit, 17, 1.2 * unit],
      'icon-allow-overlap': true,
      // What needs someone lies on top.
      'symbol-sort-key': ['get', 'order'],
      'text-field': ['step', ['zoom'], '', 13.5, ['get', 'name']],
      'text-font': FONT,
      'text-size': 11.5 * unit,
      'text-offset': [0, 1.1],
      'text-anchor': 'top',
      'text-optional': true,
      'text-max-width': 9,
    },
    paint: { 'text-color': '#a9b4bd', 'text-halo-color': INK.halo, 'text-halo-width': 1.4 },
  },
];
