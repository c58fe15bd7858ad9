/** The order in which an operator should look at things. Pure. */
import type { Camera, CameraState, Incident, Severity } from './types.ts';

export const SEVERITIES: readonly Severity[] = ['extreme', 'severe', 'moderate', 'minor'];

/** 0 is the gravest. A severity newer than this console is taken as grave. */
export function severityRank(severity: Severity): number {
  const rank = SEVERITIES.indexOf(severity);
  return rank < 0 ? 0 : rank;
}

/** Whether an incident deserves to interrupt. */
export function isSevere(incident: Incident): boolean {
  return severityRank(incident.severity) <= 1;
}

/** Whether it is silenced at an instant. */
export function isShelved(incident: Incident, now: number): boolean {
  return incident.shelved_until !== undefined && Date.parse(incident.shelved_until) > now;
}

/** Whether it was over before anybody here could know: a gateway that was cut off tells of days at once. It waits for a person, and presses nobody. */
export function isHistory(incident: Incident): boolean {
  return incident.late && !incident.ongoing && incident.state === 'new' && incident.promise === undefined;
}

/** What calls for nobody comes after all that does. */
function quiet(incident: Incident): number {
  if (incident.shelved_until !== undefined) return 2;
  return isHistory(incident) ? 1 : 0;
}

/** Not taken first, history and what is silenced last; among those the gravest, then the newest; equal ones by id, so that rows do not swap places. */
export function byUrgency(a: Incident, b: Incident): number {
  return (
    quiet(a) - quiet(b) ||
    Number(a.state !== 'new') - Number(b.state !== 'new') ||
    severityRank(a.severity) - severityRank(b.severity) ||
    Date.parse(b.opened) - Date.parse(a.opened) ||
    (a.id < b.id ? 1 : -1)
  );
}

/** Cameras that need someone come first. */
const CAMERA_RANK: Record<CameraState, number> = { lost: 0, blind: 1, moved: 2, stale: 3, unknown: 4, live: 5 };

export function byNeed(a: Camera, b: Camera): number {
  return (CAMERA_RANK[a.state] ?? 0) - (CAMERA_RANK[b.state] ?? 0) || byName(a, b);
}

const COLLATOR = new Intl.Collator('vi', { numeric: true });

export function byName(a: Camera, b: Camera): number {
  return COLLATOR.compare(a.name, b.name) || COLLATOR.compare(a.camera, b.camera);
}

/** Text without marks and case, so that `cho dinh` finds `Chợ Đình`. */
export function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase();
}

/** The neighbour of `current` in a list, `step` rows on, stopping at the ends; the first row when there is no current one. */
export function neighbour<T>(items: readonly T[], current: T | undefined, step: number): T | undefined {
  const at = current === undefined ? -1 : items.indexOf(current);
  if (at < 0) return items[0];
  return items[Math.max(0, Math.min(items.length - 1, at + step))];
}
