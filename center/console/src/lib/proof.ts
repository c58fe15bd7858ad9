/** Turns an event's proof into what can be drawn: one series a metric, with the thresholds that are about it. Pure. */
import type { Proof } from './types.ts';

export interface Series {
  name: string;
  /** Seconds before the newest sample (negative or 0), and the value. */
  points: { t: number; value: number }[];
  /** Thresholds of the same metric, by name. */
  limits: { name: string; value: number }[];
  min: number;
  max: number;
  last: number;
}

/** The suffixes that make a threshold's name out of a metric's. */
const BOUNDS = ['', '_min', '_max', '_begin', '_end', '_on', '_off', '_began', '_ended'];

/** Splits the samples by metric, in order of first appearance. */
export function seriesOf(proof: Proof): Series[] {
  const byName = new Map<string, Proof['samples']>();
  for (const sample of proof.samples) {
    if (!Number.isFinite(sample.value) || !Number.isFinite(sample.media_time_s)) continue;
    byName.set(sample.name, [...(byName.get(sample.name) ?? []), sample]);
  }
  const end = Math.max(...proof.samples.map((sample) => sample.media_time_s));
  return [...byName].map(([name, samples]) => {
    const limits = Object.entries(proof.thresholds)
      .filter(([threshold]) => BOUNDS.some((bound) => threshold === name + bound))
      .map(([threshold, value]) => ({ name: threshold, value }));
    const values = [...samples.map((sample) => sample.value), ...limits.map((limit) => limit.value)];
    return {
      name,
      points: samples.map((sample) => ({ t: sample.media_time_s - end, value: sample.value })),
      limits,
      min: Math.min(0, ...values),
      max: Math.max(...values),
      last: samples.at(-1)!.value,
    };
  });
}

/** Per cent for shares and scores of 0 to 1, by their names. */
export function isShare(name: string): boolean {
  return /(_share|^share|occupancy|score|overlap|confidence)(_|$)/.test(name);
}
