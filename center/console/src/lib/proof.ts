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

/** Thresholds that are about a metric and do not bear its name. */
const ALIASES: Record<string, readonly string[]> = {
  score: ['score_mean_min'],
  water_share: ['usual_share'],
  stands_s: ['after_s', 'alone_after_s'],
  luma_mean: ['dark_luma_max'],
  change_luma: ['frozen_change_max', 'change_min', 'change_burst_min'],
  shift_share: ['moved_shift'],
  frame_age_s: ['silence_after_s', 'lost_after_s'],
  along_box_lengths: ['distance_box_lengths'],
};

/** Whether a threshold is about a metric: `density_min` is about `density`, and so is `covered_density_max`. */
function isAbout(threshold: string, metric: string): boolean {
  const bare = threshold.replace(/_(min|max|begin|end|on|off)$/, '');
  return bare === metric || bare.endsWith(`_${metric}`) || (ALIASES[metric]?.includes(threshold) ?? false);
}

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
      .filter(([threshold]) => isAbout(threshold, name))
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
