/** Lines of longitude and latitude for a view, so that a map without a basemap still tells where and how far. Pure. */

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** Distances between lines in degrees: minutes of arc do not matter here, round decimals do. */
const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** At most so many lines each way. */
const LINES_MAX = 8;

export function graticuleStep(bounds: Bounds): number {
  const wide = Math.max(bounds.east - bounds.west, bounds.north - bounds.south);
  return STEPS.findLast((step) => wide / step <= LINES_MAX) ?? 30;
}

function label(degrees: number, step: number, positive: string, negative: string): string {
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  return `${Math.abs(degrees).toFixed(digits)}°${degrees < 0 ? negative : positive}`;
}

/** `letters` are those of north, east, south and west in the reader's language. */
export function graticule(bounds: Bounds, letters: readonly [string, string, string, string]): GeoJSON.FeatureCollection {
  const step = graticuleStep(bounds);
  const features: GeoJSON.Feature[] = [];
  const line = (coordinates: [number, number][], text: string, at: [number, number]): void => {
    features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } });
    features.push({ type: 'Feature', properties: { text }, geometry: { type: 'Point', coordinates: at } });
  };
  const { west, south, east, north } = bounds;
  for (let i = Math.ceil(west / step); i * step <= east; i++) {
    const x = i * step;
    line([[x, south], [x, north]], label(x, step, letters[1], letters[3]), [x, south + (north - south) * 0.02]);
  }
  for (let i = Math.ceil(south / step); i * step <= north; i++) {
    const y = i * step;
    line([[west, y], [east, y]], label(y, step, letters[0], letters[2]), [west + (east - west) * 0.03, y]);
  }
  return { type: 'FeatureCollection', features };
}
