import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { describe, expect, it } from 'vitest';
import { cameraLayers, graticuleLayers, styleFor } from '../src/lib/map/style.ts';
import type { MapSettings } from '../src/lib/types.ts';
import type { StyleSpecification } from 'maplibre-gl';

const PLACE: MapSettings = { center: [106.6, 10.9], zoom: 12 };
const EMPTY: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] };

/** The style as the map has it in the end, with the console's own layers. */
function whole(map: MapSettings): StyleSpecification {
  const style = styleFor(map, 'https://centre') as StyleSpecification;
  return {
    ...style,
    sources: { ...style.sources, graticule: { type: 'geojson', data: EMPTY }, cameras: { type: 'geojson', data: EMPTY } },
    layers: [...style.layers, ...graticuleLayers(1), ...cameraLayers(1.5)],
  };
}

describe('the styles of the map', () => {
  // Without `glyphs` the map draws letters with the machine's fonts, which the style's formal rules do not know yet.
  const complaints = (style: StyleSpecification): string[] => validateStyleMin(style).map(({ message }) => message).filter((message) => !message.includes('requires a style "glyphs"'));

  it('are what the map library takes', () => {
    expect(complaints(whole(PLACE))).toEqual([]);
    expect(complaints(whole({ ...PLACE, pmtiles_url: '/api/v1/map/basemap.pmtiles', attribution: '© OpenStreetMap' }))).toEqual([]);
  });

  it('would be seen to be wrong', () => {
    const style = whole(PLACE);
    const broken = { ...style, layers: [...style.layers, { id: 'x', type: 'fill', source: 'nowhere' } as const] };
    expect(complaints(broken)).toHaveLength(1);
  });
});
