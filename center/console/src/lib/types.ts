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
export type IncidentState = 'new' | 'acknowledged' | 'closed';
export type CloseReason = 'resolved' | 'false_alarm' | 'duplicate' | 'no_action' | 'recovered';
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
  note?: string;
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
  family: string;
  title: string;
  state: IncidentState;
  /** Whether it still happens; independent of `state`. */
  ongoing: boolean;
  severity: Severity;
  /** The first one first. */
  cameras: CameraRef[];
  place: { name: string; position?: Position };
  began: Instant;
  ended?: Instant;
  opened: Instant;
  updated: Instant;
  /** History already when it arrived: the gateway had no link. */
  late: boolean;
  clock_suspect: boolean;
  acknowledged?: Act;
  closed?: Closing;
  event_count: number;
  evidence: EvidenceLink[];
}

export type LogAction =
  | 'opened'
  | 'joined'
  | 'escalated'
  | 'ended'
  | 'acknowledged'
  | 'noted'
  | 'closed'
  | 'clip_requested'
  | 'clip_ready';

export interface LogEntry {
  at: Instant;
  by: string;
  what: LogAction;
  event?: string;
  note?: string;
}

export interface IncidentDetail {
  incident: Incident;
  events: Event[];
  log: LogEntry[];
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
  | { about: 'flood'; water_share: number; depth?: string; depth_confidence?: number; depth_reference?: string; trend: 'rising' | 'steady' | 'falling' }
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
  role: 'operator' | 'admin';
  expires?: Instant;
}

export interface Hotline {
  number: string;
  name_vi: string;
  name_en: string;
  /** Prefixes of the kinds it is offered for; empty: all. */
  kinds: string[];
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
  /** A stream silent for three times as long is dead. */
  heartbeat_s: number;
}

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  /** The incident as it stands, where somebody was quicker (`conflict`). */
  incident?: Incident;
}

/** The name of a camera in lists and maps: gateway and id together. */
export function cameraKey(camera: CameraId): string {
  return `${camera.edge}/${camera.camera}`;
}
