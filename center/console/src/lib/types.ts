/**
 * What the centre's API says, as far as the console reads it. The contract is `center/openapi.json`; keys that the console does not
 * know are ignored, and a key without a value is absent. `tests/contract.test.ts` holds the made-up city of `mock/`, which is typed
 * with these, against the contract.
 */

export type EventKind =
  | 'traffic.congestion'
  | 'traffic.stopped_vehicle'
  | 'traffic.wrong_way'
  | 'traffic.pedestrian'
  | 'fire.flame'
  | 'fire.smoke'
  | 'flood.street'
  | 'camera.lost'
  | 'camera.frozen'
  | 'camera.dark'
  | 'camera.glare'
  | 'camera.blurred'
  | 'camera.covered'
  | 'camera.moved';

export type Severity = 'minor' | 'moderate' | 'severe' | 'extreme';
export type IncidentState = 'new' | 'acknowledged' | 'dispatched' | 'resolved' | 'false_alarm';
export type CloseReason = 'resolved' | 'false_alarm' | 'duplicate' | 'no_action' | 'recovered' | 'retracted';
/** What fooled a camera. */
export type FalseReason = 'light' | 'reflection' | 'weather' | 'waiting' | 'known' | 'camera' | 'other';
export type Certainty = 'observed' | 'likely' | 'possible' | 'unlikely';
export type Priority = 'low' | 'medium' | 'high';
export type Family = 'traffic' | 'wrong_way' | 'pedestrian' | 'fire' | 'flood' | 'camera';
export type CameraState = 'live' | 'stale' | 'lost' | 'blind' | 'moved' | 'unknown';
export type Judgement = 'clear' | 'suspected' | 'present' | 'unknown';
export type ClipState = 'none' | 'available' | 'requested' | 'ready' | 'failed';
/** `[longitude, latitude]`, WGS 84. */
export type Position = [number, number];
/** RFC 3339, UTC. */
export type Instant = string;

export interface Page<T> {
  items: T[];
  /** Handed back as `before` for the next page. */
  next?: string;
}

export interface Act {
  by: string;
  at: Instant;
}

export interface Closing extends Act {
  reason: CloseReason;
  /** Of a false alarm. */
  false_reason?: FalseReason;
  note?: string;
}

/** Until when somebody takes or closes an incident. */
export interface Deadline {
  timer: 'acknowledge' | 'resolve';
  due: Instant;
  /** How many above the operator know that it was not kept. */
  level: number;
  /** When the next one is told. */
  raises?: Instant;
}

/** What names a camera. */
export interface CameraId {
  /** Its gateway, `SITE.EDGE`. */
  edge: string;
  /** Its id there. */
  camera: string;
}

export interface CameraRef extends CameraId {
  name: string;
  position?: Position;
}

export interface EvidenceLink {
  event: string;
  url: string;
  seen: Instant;
  width: number;
  height: number;
  sha256: string;
  redacted: boolean;
}

export interface Clip {
  state: ClipState;
  url?: string;
  error?: string;
}

export interface Incident {
  id: string;
  kind: EventKind;
  kinds: EventKind[];
  family: Family;
  title: string;
  state: IncidentState;
  /** Counts what people did: an act on an older one is refused. */
  version: number;
  /** Whether it still happens; independent of `state`. */
  ongoing: boolean;
  severity: Severity;
  /** A person said so. */
  severity_set: boolean;
  certainty: Certainty;
  priority: Priority;
  promise?: Deadline;
  /** The first one first; none where people alone reported it. */
  cameras: CameraRef[];
  place: { name: string; position?: Position };
  began: Instant;
  ended?: Instant;
  opened: Instant;
  updated: Instant;
  /** History already when it arrived: the gateway had no link. */
  late: boolean;
  clock_suspect: boolean;
  /** The cameras took all of it back. */
  retracted: boolean;
  acknowledged?: Act;
  /** Who acted on it last. */
  holder?: string;
  /** Whom the rules would send, and nobody has. */
  proposed: string[];
  sent: string[];
  /** The incident that explains it. */
  cause?: string;
  /** The incident that has its events now. */
  merged_into?: string;
  /** Nobody is alarmed by it before. */
  shelved_until?: Instant;
  closed?: Closing;
  event_count: number;
  report_count: number;
  evidence: EvidenceLink[];
}

export type LogAction =
  | 'opened'
  | 'joined'
  | 'escalated'
  | 'ended'
  | 'retracted'
  | 'acknowledged'
  | 'dispatch_proposed'
  | 'dispatched'
  | 'resolved'
  | 'false_alarm'
  | 'reopened'
  | 'raised'
  | 'assessed'
  | 'merged'
  | 'merged_into'
  | 'split_off'
  | 'split_from'
  | 'cause_found'
  | 'reported'
  | 'contact_read'
  | 'shelved'
  | 'unshelved'
  | 'noted'
  | 'clip_requested'
  | 'clip_ready';

/** What a line of the log is about. */
export type LogDetail =
  | { about: 'agency'; agency: string }
  | { about: 'closing'; reason: CloseReason }
  | { about: 'false_alarm'; reason: FalseReason }
  | { about: 'promise'; timer: Deadline['timer']; level: number }
  | { about: 'incident'; incident: string; events: number }
  | { about: 'assessment'; of: 'severity' | 'certainty' | 'priority'; from: string; to: string }
  | { about: 'report'; report: string }
  | { about: 'shelf'; until: Instant };

export interface LogEntry {
  at: Instant;
  by: string;
  what: LogAction;
  event?: string;
  note?: string;
  detail?: LogDetail;
}

/** What somebody reported; without who they are. */
export interface Report {
  id: string;
  incident: string;
  channel: 'hotline' | 'field';
  kind: EventKind;
  text: string;
  place: string;
  position: Position;
  seen: Instant;
  arrived: Instant;
  by: string;
  has_contact: boolean;
}

export interface Contact {
  name?: string;
  telephone?: string;
}

export interface NewReport {
  channel: Report['channel'];
  kind: EventKind;
  text: string;
  place: string;
  position: Position;
  contact?: Contact;
}

export interface IncidentDetail {
  incident: Incident;
  events: Event[];
  reports: Report[];
  /** The incidents that it explains. */
  effects: string[];
  log: LogEntry[];
}

/** Between which depths water stands; open upwards without `max_cm`. */
export interface DepthRange {
  min_cm: number;
  max_cm?: number;
}

export type Passability = Record<'motorbike' | 'car' | 'truck', 'yes' | 'slowly' | 'no'>;

export interface Flood {
  about: 'flood';
  water_share: number;
  /** The band, where one alone is sure. */
  depth?: string;
  depth_range?: DepthRange;
  depth_confidence?: number;
  /** At the deepest that it may be. */
  passable?: Passability;
  /** At the shallowest that it may be, where that differs. */
  passable_at_best?: Passability;
  depth_reference?: string;
  trend: 'rising' | 'steady' | 'falling';
}

/** What is known beyond the kind; `about` says which form it has. */
export type Detail =
  | {
      about: 'congestion';
      level_of_service: string;
      density_pc_per_km_lane?: number;
      occupancy: number;
      speed_kmh?: number;
      stopped_share: number;
      queue_m?: number;
    }
  | { about: 'vehicle'; track: number; class: string; duration_s: number }
  | { about: 'fire'; area_share: number; growth: number }
  | Flood
  | { about: 'camera'; reason: string };

export interface Sample {
  /** Seconds since the stream's start. */
  media_time_s: number;
  /** With its unit: `density_pc_per_km_lane`. */
  name: string;
  value: number;
}

/** Why an event was said. */
export interface Proof {
  rule: string;
  thresholds: Record<string, number>;
  samples: Sample[];
  calibrated: boolean;
}

export interface Event {
  id: string;
  incident: string;
  kind: EventKind;
  phase: 'began' | 'updated' | 'ended';
  camera: CameraRef;
  zone?: string;
  began: Instant;
  seen: Instant;
  uncertainty_ms: number;
  ended?: Instant;
  arrived: Instant;
  severity: Severity;
  /** 0 to 1. */
  confidence: number;
  /** `[x1, y1, x2, y2]`, 0 to 1. */
  region?: [number, number, number, number];
  detail: Detail;
  proof: Proof;
  models: { id: string; sha256: string }[];
  end_reason?: 'cleared' | 'retracted' | 'stopped';
  late: boolean;
  clock_suspect: boolean;
  evidence?: EvidenceLink;
  clip: Clip;
}

export interface Picture extends CameraId {
  /** Changes with the picture. */
  url: string;
  seen: Instant;
  width: number;
  height: number;
}

export interface Camera extends CameraRef {
  state: CameraState;
  reason?: string;
  since: Instant;
  /** When the gateway said all this. */
  said: Instant;
  frame_age_s?: number;
  analysed_fps?: number;
  judgements: Record<string, Judgement>;
  open_incidents: number;
  picture?: Picture;
}

export interface TrafficFigures {
  about: 'traffic';
  /** Vehicles that passed, by class. */
  counts: Record<string, number>;
  vehicles_pcu_mean: number;
  density_pc_per_km_lane?: number;
  occupancy: number;
  speed_kmh?: number;
  stopped_share: number;
  level_of_service?: string;
  queue_m?: number;
  calibrated: boolean;
  frames: number;
}

export interface FloodFigures {
  about: 'flood';
  water_share: number;
  depth?: string;
  depth_range?: DepthRange;
  trend: 'rising' | 'steady' | 'falling';
  frames: number;
}

/** Figures of one zone over one period. */
export interface Measurement extends CameraId {
  zone: string;
  from: Instant;
  to: Instant;
  figures: TrafficFigures | FloodFigures;
}

/** A gateway. */
export interface Edge {
  /** Its name, `SITE.EDGE`. */
  edge: string;
  state: 'online' | 'offline';
  version: string;
  started: Instant;
  said: Instant;
  cameras: number;
  /** Messages that wait there for the way to the centre. */
  outbox_depth: number;
  outbox_age_s: number;
  load?: number;
}

export interface Me {
  name: string;
  role: 'viewer' | 'operator' | 'admin';
  expires?: Instant;
}

/** How somebody can log in beside name and password. */
export interface LoginWays {
  provider?: { name_vi: string; name_en: string; url: string };
}

export interface Hotline {
  number: string;
  name_vi: string;
  name_en: string;
  /** Prefixes of the kinds it is offered for; empty: all. */
  kinds: string[];
}

/** Who can be sent. */
export interface Agency {
  id: string;
  name: string;
  telephone?: string;
  /** The kinds of incident that it answers for; empty: all. */
  kinds: string[];
}

/** What raises alarms: a camera and what it sees; no camera where people report. */
export interface AlarmSource extends CameraId {
  name: string;
  family: Family;
}

/** A source that is silenced for a while. */
export interface Shelf extends AlarmSource {
  id: string;
  reason: string;
  by: string;
  from: Instant;
  until: Instant;
  ended_by?: string;
}

export interface AlarmLoadNow {
  /** In the last ten minutes. */
  raised: number;
  operators: number;
  flood_since?: Instant;
}

export interface AlarmLoad {
  from: Instant;
  to: Instant;
  operators: number;
  limits: {
    per_period_mean: [number, number];
    per_period_max: number;
    flooded_share: number;
    top_ten_share: number;
    stale: number;
    priorities: [number, number, number];
  };
  raised: number;
  per_period_mean: number;
  per_period_max: number;
  flooded_share: number;
  floods: { from: Instant; to?: Instant }[];
  top_ten_share: number;
  loudest: { source: AlarmSource; raised: number; chatters: boolean }[];
  stale: string[];
  /** Low, medium, high. */
  priorities: [number, number, number];
  acknowledge_s_median?: number;
  by_operator: { name: string; acknowledged: number; dispatched: number; closed: number; acknowledge_s_median?: number }[];
  false_alarms: { source: AlarmSource; closed: number; false_alarms: number; reasons: Record<string, number> }[];
}

export interface MapSettings {
  style_url?: string;
  pmtiles_url?: string;
  attribution?: string;
  center: Position;
  zoom: number;
}

export interface Settings {
  version: string;
  map: MapSettings;
  hotlines: Hotline[];
  agencies: Agency[];
  /** A stream silent for three times as long is dead. */
  heartbeat_s: number;
}

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  /** The incident as it stands, where somebody was quicker (`conflict`, `changed`). */
  incident?: Incident;
}

/** Whether nobody has to do anything about it any more. */
export function isClosed(incident: { state: IncidentState }): boolean {
  return incident.state === 'resolved' || incident.state === 'false_alarm';
}

/** The name of a camera in lists and maps: gateway and id together. */
export function cameraKey(camera: CameraId): string {
  return `${camera.edge}/${camera.camera}`;
}
