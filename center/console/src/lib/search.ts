/** Finds incidents by words, without regard to marks and case, in both languages at once. Pure. */
import en from '../i18n/en.json';
import vi from '../i18n/vi.json';
import { folded } from './order.ts';
import type { Incident } from './types.ts';

const WORDS: Record<string, string>[] = [vi, en];

/** All that one may look for: kinds, places, cameras, people, reason, note. */
export function searchText(incident: Incident): string {
  const keys = [...incident.kinds.map((kind) => `kind.${kind}`), `severity.${incident.severity}`, ...(incident.closed ? [`reason.${incident.closed.reason}`] : [])];
  return folded(
    [
      ...keys.flatMap((key) => WORDS.map((words) => words[key] ?? '')),
      ...incident.kinds,
      incident.id,
      incident.place.name,
      ...incident.cameras.flatMap((camera) => [camera.name, camera.camera, camera.edge]),
      incident.acknowledged?.by ?? '',
      incident.closed?.by ?? '',
      incident.closed?.note ?? '',
    ].join('\n'),
  );
}

/** Whether each word of the query is somewhere in the text that {@link searchText} made. */
export function matches(text: string, query: string): boolean {
  return folded(query).split(/\s+/).filter(Boolean).every((word) => text.includes(word));
}
