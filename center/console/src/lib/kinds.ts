/** What the console knows of each kind of event: its group and its picture. Words are in i18n/ under `kind.…`. */
import type { IconName } from './icons.ts';
import type { EventKind } from './types.ts';

export const GROUPS = ['fire', 'flood', 'traffic', 'camera'] as const;
export type Group = (typeof GROUPS)[number];

const ICON: Record<EventKind, IconName> = {
  'traffic.congestion': 'jam',
  'traffic.stopped_vehicle': 'stopped',
  'traffic.wrong_way': 'wrongway',
  'traffic.pedestrian': 'walker',
  'fire.flame': 'flame',
  'fire.smoke': 'smoke',
  'flood.street': 'water',
  'camera.lost': 'cameraOff',
  'camera.frozen': 'frozen',
  'camera.dark': 'dark',
  'camera.glare': 'glare',
  'camera.blurred': 'blurred',
  'camera.covered': 'covered',
  'camera.moved': 'moved',
};

export const KINDS = Object.keys(ICON) as EventKind[];

export const GROUP_ICON: Record<Group, IconName> = { fire: 'flame', flood: 'water', traffic: 'jam', camera: 'cameraOff' };

/** The icon of a kind; a kind newer than this console gets a warning sign. */
export function kindIcon(kind: string): IconName {
  return ICON[kind as EventKind] ?? 'warning';
}

/** The group of a kind is its first word; kinds newer than this console count as traffic, where nothing is hidden. */
export function groupOf(kind: string): Group {
  const word = kind.split('.')[0] ?? '';
  return (GROUPS as readonly string[]).includes(word) ? (word as Group) : 'traffic';
}
