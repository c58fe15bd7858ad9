import { describe, expect, it } from 'vitest';
import { City } from '../mock/city.ts';
import { figureSeries } from '../src/lib/figures.ts';
import { commandOf } from '../src/lib/keys.ts';
import { groupOf, kindIcon } from '../src/lib/kinds.ts';
import { graticule, graticuleStep } from '../src/lib/map/graticule.ts';
import { boundsOf, cameraFeatures, pins } from '../src/lib/map/place.ts';
import { isPlain, styleFor } from '../src/lib/map/style.ts';
import { seriesOf } from '../src/lib/proof.ts';
import { formatRoute, parseRoute, type Route } from '../src/lib/route.ts';
import { FIT, held, zoomAt } from '../src/lib/zoom.ts';

const city = new City(Date.parse('2026-11-21T10:00:00Z'));

describe('the address', () => {
  it('leads back to what was shown', () => {
    const routes: Route[] = [{ tab: 'incidents' }, { tab: 'incidents', incident: '0193-a' }, { tab: 'closed', incident: 'b' }, { tab: 'wall', camera: 'tdm.gw-01/chợ 1' }];
    for (const route of routes) expect(parseRoute(formatRoute(route))).toEqual(route);
  });

  it('that is odd leads to the incidents', () => {
    for (const hash of ['', '#', '#/', '#/nowhere', '#/%E0%A4%A']) expect(parseRoute(hash).tab).toBe('incidents');
    expect(parseRoute('#/wall/only-an-edge')).toEqual({ tab: 'wall' });
  });
});

describe('keys', () => {
  const press = (key: string, target: object | null = null, held: object = {}): string | undefined =>
    commandOf({ key, target: target as EventTarget | null, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false, ...held });

  it('command the console', () => {
    expect(['j', 'ArrowUp', 'a', 'c', '?', 'x'].map((key) => press(key))).toEqual(['next', 'previous', 'acknowledge', 'close', 'help', undefined]);
  });

  it('belong to what has the focus, and to the browser', () => {
    expect(press('a', { tagName: 'TEXTAREA' })).toBeUndefined();
    const button = (current: string | null): object => ({ tagName: 'BUTTON', getAttribute: () => current });
    expect([press('Enter', button(null)), press('Enter', button('page')), press('Enter', button('true'))]).toEqual([undefined, undefined, 'open']);
    expect(press('ArrowDown', { tagName: 'CANVAS' })).toBeUndefined();
    expect(press('c', null, { ctrlKey: true })).toBeUndefined();
    expect(press('j', { tagName: 'BUTTON' })).toBe('next');
  });
});

describe('kinds', () => {
  it('that are newer than the console are shown all the same', () => {
    expect([groupOf('fire.flame'), groupOf('camera.lost'), groupOf('weather.hail')]).toEqual(['fire', 'camera', 'traffic']);
    expect(kindIcon('weather.hail')).toBe('warning');
  });
});

describe('the map', () => {
  it('has lines at round degrees, few enough to read', () => {
    const view = { west: 106.6, south: 10.95, east: 106.71, north: 11.01 };
    expect(graticuleStep(view)).toBe(0.02);
    const labels = graticule(view, ['N', 'E', 'S', 'W']).features.flatMap((feature) => feature.properties?.['text'] ?? []);
    expect(labels).toEqual(['106.60°E', '106.62°E', '106.64°E', '106.66°E', '106.68°E', '106.70°E', '10.96°N', '10.98°N', '11.00°N']);
    expect(graticule({ west: -1, south: -1, east: 1, north: 1 }, ['N', 'E', 'S', 'W']).features.length).toBeLessThan(40);
  });

  it('stands pins at one place side by side, gravest first', () => {
    const here = city.incidents(true).map((incident) => ({ ...incident, place: { name: 'x', position: [106, 10] as [number, number] } }));
    const standing = pins(here);
    expect(standing.map((pin) => [pin.index, pin.count])).toEqual(here.map((_, i) => [i, here.length]));
    expect(standing[0]!.incident.severity).toBe('extreme');
    expect(pins([{ ...here[0]!, place: { name: 'x' }, cameras: [] }])).toEqual([]);
  });

  it('draws what needs someone above the rest', () => {
    const states = cameraFeatures(city.cameras.values()).features.map((feature) => feature.properties?.['state']);
    expect(states.at(-1)).toBe('lost');
    expect(states[0]).toBe('live');
  });

  it('needs nothing from outside unless the settings say so', () => {
    const place = { center: [106.6, 10.9] as [number, number], zoom: 12 };
    const own = styleFor(place, 'https://centre');
    expect(isPlain(place)).toBe(true);
    expect(JSON.stringify(own)).not.toMatch(/https?:|pmtiles:/);
    expect(JSON.stringify(own)).toMatch(/Hoàng Sa.*Trường Sa/);
    expect(styleFor({ ...place, style_url: '/map/style.json' }, 'https://centre')).toBe('https://centre/map/style.json');
    expect(JSON.stringify(styleFor({ ...place, pmtiles_url: '/map/vn.pmtiles' }, 'https://centre'))).toContain('pmtiles://https://centre/map/vn.pmtiles');
  });

  it('knows the bounds of what it shows', () => {
    expect(boundsOf([])).toBeUndefined();
    expect(boundsOf([[106, 10], [107, 11], [106.5, 9]])).toEqual([106, 9, 107, 11]);
  });
});

describe('the proof', () => {
  it('is a line for each metric, with the thresholds that are about it', () => {
    const jam = city.incidents(true).find((incident) => incident.kind === 'traffic.congestion')!;
    const proof = city.detail(jam.id)!.events[0]!.proof;
    const series = seriesOf({ ...proof, thresholds: { density_pc_per_km_lane_min: 28, bins_min: 3, slow_speed_kmh_max: 10 } });
    expect(series.map(({ name, limits, points }) => [name, limits.map(({ value }) => value), points.at(-1)!.t])).toEqual([
      ['density_pc_per_km_lane', [28], 0],
      ['speed_kmh', [10], 0],
    ]);
    expect(series[0]!.max).toBeGreaterThanOrEqual(28);
  });

  it('without samples, or with odd ones, draws nothing', () => {
    const none = { rule: '', thresholds: {}, calibrated: false };
    expect(seriesOf({ ...none, samples: [] })).toEqual([]);
    expect(seriesOf({ ...none, samples: [{ media_time_s: 1, name: 'x', value: Number.NaN }] })).toEqual([]);
  });
});

describe('the figures of a camera', () => {
  it('are a line for each zone and metric, oldest first', () => {
    const now = Date.parse('2026-11-21T10:00:30Z');
    const lines = figureSeries(city.measurements('bach-dang', now));
    expect(lines.map(({ zone, series }) => [zone, series.name, series.points.length])).toEqual([
      ['inbound', 'vehicles_per_min', 55],
      ['inbound', 'speed_kmh', 55],
      ['inbound', 'occupancy', 55],
      ['inbound', 'water_share', 55],
    ]);
    const water = lines.at(-1)!.series;
    expect([water.points[0]!.t, water.points.at(-1)!.t, water.last]).toEqual([-54 * 60, 0, 0.6]);
    expect(figureSeries([])).toEqual([]);
  });
});

describe('a zoomed picture', () => {
  it('keeps the point under the pointer where it is', () => {
    const view = zoomAt({ scale: 2, x: 10, y: -5 }, 1.5, 100, 40);
    const before = (100 - 10) / 2;
    expect((100 - view.x) / view.scale).toBeCloseTo(before);
  });

  it('never leaves its frame', () => {
    expect(held({ scale: 0.2, x: 50, y: 50 }, 800, 450)).toEqual(FIT);
    expect(held({ scale: 2, x: 9999, y: -9999 }, 800, 450)).toEqual({ scale: 2, x: 400, y: -225 });
  });
});
