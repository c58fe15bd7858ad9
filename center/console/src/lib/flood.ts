/** What the list shows in a flood of alarms: what is of high priority by itself, the rest rolled up by group. Pure. */
import { groupOf, type Group } from './kinds.ts';
import type { Incident } from './types.ts';

export interface Row {
  key: string;
  group: Group;
  incidents: Incident[];
}

/** The rows of a list, in its order; a roll stands where its first incident would. */
export function rows(incidents: readonly Incident[], flood: boolean): Row[] {
  const rolls = new Map<string, Row>();
  const all: Row[] = [];
  for (const incident of incidents) {
    const group = groupOf(incident.kind);
    // What somebody has, or what matters most, is never hidden.
    if (!flood || incident.priority === 'high' || incident.state !== 'new') {
      all.push({ key: incident.id, group, incidents: [incident] });
      continue;
    }
    const known = rolls.get(group);
    if (known) {
      known.incidents.push(incident);
      continue;
    }
    const roll = { key: `roll ${group}`, group, incidents: [incident] };
    rolls.set(group, roll);
    all.push(roll);
  }
  return all;
}
