/**
 * What each message of the live stream changes. Pure apart from the maps it is given.
 *
 * Messages may come twice (after a resume) or behind an answer that is newer already (after an act of our own): each object says
 * when it was true, and what is older than what we have is dropped.
 */
import { isSevere } from './order.ts';
import type { SseMessage } from './sse.ts';
import { cameraKey, isClosed, type AlarmLoadNow, type Camera, type Edge, type Incident, type Picture } from './types.ts';

export interface CityMaps {
  /** Incidents that are not closed, by id. */
  incidents: Map<string, Incident>;
  /** By {@link cameraKey}. */
  cameras: Map<string, Camera>;
  /** Gateways, by name. */
  edges: Map<string, Edge>;
}

/** What the caller has to do about a message besides showing the maps. */
export interface Effects {
  /** Someone must be told at once: severe, not taken, and new or graver than before. */
  alarm?: Incident;
  /** This incident changed. */
  changed?: Incident;
  /** What we know has gaps: read the lists anew. */
  resync?: boolean;
  /** The version of the centre that speaks. */
  version?: string;
  /** How many alarms there are. */
  load?: AlarmLoadNow;
}

function older(a: string, b: string): boolean {
  return Date.parse(a) < Date.parse(b);
}

/** Whether it has to be told at once: what arrives late, and what is silenced, alarms nobody. If it still goes on its time runs all the same. */
function alarms(incident: Incident): boolean {
  return isSevere(incident) && incident.state === 'new' && !incident.late && !incident.shelved_until;
}

/** Puts an incident in its place; tells whether it has to be announced. */
export function putIncident(city: CityMaps, incident: Incident): Effects {
  const known = city.incidents.get(incident.id);
  if (known && older(incident.updated, known.updated)) return {};
  if (isClosed(incident)) city.incidents.delete(incident.id);
  else city.incidents.set(incident.id, incident);
  const news = alarms(incident) && !(known && alarms(known));
  return news ? { changed: incident, alarm: incident } : { changed: incident };
}

export function putCamera(city: CityMaps, camera: Camera): void {
  const key = cameraKey(camera);
  const known = city.cameras.get(key);
  if (known && older(camera.said, known.said)) return;
  const kept = known?.picture;
  const picture = kept && (!camera.picture || older(camera.picture.seen, kept.seen)) ? kept : camera.picture;
  city.cameras.set(key, picture ? { ...camera, picture } : camera);
}

export function putPicture(city: CityMaps, picture: Picture): void {
  const key = cameraKey(picture);
  const known = city.cameras.get(key);
  // A picture of a camera that has not said its state yet: the state will bring the picture along.
  if (!known || (known.picture && older(picture.seen, known.picture.seen))) return;
  city.cameras.set(key, { ...known, picture });
}

export function putEdge(city: CityMaps, edge: Edge): void {
  const known = city.edges.get(edge.edge);
  if (!known || !older(edge.said, known.said)) city.edges.set(edge.edge, edge);
}

/** Makes the maps say what whole lists say; what the lists lack goes. Returns what has to be announced. */
export function replaceAll(city: CityMaps, incidents: Incident[], cameras: Camera[], edges: Edge[]): Incident[] {
  const alarms: Incident[] = [];
  const open = new Set(incidents.map((incident) => incident.id));
  for (const id of [...city.incidents.keys()]) if (!open.has(id)) city.incidents.delete(id);
  for (const incident of incidents) {
    const { alarm } = putIncident(city, incident);
    if (alarm) alarms.push(alarm);
  }
  const there = new Set(cameras.map(cameraKey));
  for (const key of [...city.cameras.keys()]) if (!there.has(key)) city.cameras.delete(key);
  for (const camera of cameras) putCamera(city, camera);
  city.edges.clear();
  for (const edge of edges) putEdge(city, edge);
  return alarms;
}

/** Applies one message. A message of a kind or form that this console does not know changes nothing. */
export function apply(city: CityMaps, message: SseMessage): Effects {
  if (message.event === 'reset') return { resync: true };
  let data: unknown;
  try {
    data = JSON.parse(message.data);
  } catch {
    return {};
  }
  if (typeof data !== 'object' || data === null) return {};
  switch (message.event) {
    case 'hello':
      return 'version' in data && typeof data.version === 'string' ? { version: data.version } : {};
    case 'incident':
      return 'id' in data ? putIncident(city, data as Incident) : {};
    case 'camera':
      if ('camera' in data) putCamera(city, data as Camera);
      return {};
    case 'picture':
      if ('camera' in data) putPicture(city, data as Picture);
      return {};
    case 'alarm_load':
      return 'raised' in data ? { load: data as AlarmLoadNow } : {};
    case 'edge':
      if ('edge' in data) putEdge(city, data as Edge);
      return {};
    default:
      return {};
  }
}
