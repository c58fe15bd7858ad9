/** Turns a camera's measurements into lines that can be drawn: one a zone and metric. Pure. */
import type { Series } from './proof.ts';
import type { Measurement } from './types.ts';

/** What is drawn, in this order, as far as it is known. */
function values({ figures, from, to }: Measurement): [string, number | undefined][] {
  if (figures.about === 'flood') return [['water_share', figures.water_share]];
  if (figures.about !== 'traffic') return [];
  const minutes = (Date.parse(to) - Date.parse(from)) / 60_000;
  const passed = Object.values(figures.counts).reduce((sum, count) => sum + count, 0);
  return [
    ['vehicles_per_min', minutes > 0 ? passed / minutes : undefined],
    ['speed_kmh', figures.speed_kmh],
    ['density_pc_per_km_lane', figures.density_pc_per_km_lane],
    ['occupancy', figures.occupancy],
  ];
}

/** Lines with at least two points, oldest point first; times are seconds before the newest measurement of all. */
export function figureSeries(measurements: readonly Measurement[]): { zone: string; series: Series }[] {
  const newest = Math.max(...measurements.map((measurement) => Date.parse(measurement.to)));
  const lines = new Map<string, { zone: string; name: string; points: Series['points'] }>();
  for (const measurement of [...measurements].sort((a, b) => Date.parse(a.to) - Date.parse(b.to))) {
    for (const [name, value] of values(measurement)) {
      if (value === undefined) continue;
      const line = lines.get(`${measurement.zone} ${name}`) ?? { zone: measurement.zone, name, points: [] };
      line.points.push({ t: (Date.parse(measurement.to) - newest) / 1000, value });
      lines.set(`${measurement.zone} ${name}`, line);
    }
  }
  return [...lines.values()]
    .filter(({ points }) => points.length > 1)
    .map(({ zone, name, points }) => ({
      zone,
      series: { name, points, limits: [], min: 0, max: Math.max(...points.map((point) => point.value)), last: points.at(-1)!.value },
    }));
}
