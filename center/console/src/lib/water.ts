/** Who gets through water of which only a range of depths is known. Pure. */
import type { Flood } from './types.ts';

export const VEHICLES = ['motorbike', 'car', 'truck'] as const;
export type Vehicle = (typeof VEHICLES)[number];
export type Passage = 'yes' | 'slowly' | 'no' | 'unsure';

/** Each kind of vehicle: `unsure` where it depends on how deep within the range it is. Nothing where no depth is known. */
export function passages({ passable, passable_at_best: best }: Flood): { vehicle: Vehicle; passage: Passage }[] {
  if (!passable) return [];
  return VEHICLES.map((vehicle) => ({ vehicle, passage: best && best[vehicle] !== passable[vehicle] ? 'unsure' : passable[vehicle] }));
}
