/**
 * A made-up city for development: cameras, incidents and what happens to them. It keeps to the contract of the real centre
 * (`tests/contract.test.ts`) and is no part of what is built.
 */
import { isClosed, type AlarmLoad, type Camera, type CameraRef, type CameraState, type Edge, type Event, type EventKind, type FalseReason, type Incident, type IncidentDetail, type LogAction, type LogDetail, type Measurement, type Priority, type Severity } from '../src/lib/types.ts';

const EDGE = 'tdm.gw-01';
const PRIORITY: Record<Severity, Priority> = { extreme: 'high', severe: 'high', moderate: 'medium', minor: 'low' };

const CAMERAS: [string, string, number, number, CameraState?, string?][] = [
  ['cho-dinh', 'Ngã tư Chợ Đình', 106.6699, 10.9818],
  ['nga-sau', 'Ngã sáu Thủ Dầu Một', 106.6556, 10.9803],
  ['dlbd-cmt8', 'Đại lộ Bình Dương – Cách Mạng Tháng Tám', 106.6634, 10.9713],
  ['phu-van', 'Ngã tư Phú Văn', 106.6688, 10.9732],
  ['phu-cuong', 'Cầu Phú Cường', 106.6421, 10.9809],
  ['bach-dang', 'Bến Bạch Đằng', 106.6501, 10.9826],
  ['yersin', 'Yersin – Đoàn Trần Nghiệp', 106.6577, 10.9842],
  ['hung-vuong', 'Hùng Vương – Phú Lợi', 106.6607, 10.9785],
  ['cho-tdm', 'Chợ Thủ Dầu Một', 106.6512, 10.9797],
  ['suoi-giua', 'Ngã ba Suối Giữa', 106.6592, 11.0142, 'stale'],
  ['so-sao', 'Ngã tư Sở Sao', 106.6446, 11.0249],
  ['hiep-thanh', 'Phạm Ngọc Thạch – Hiệp Thành', 106.6685, 10.9959],
  ['huynh-van-luy', 'Huỳnh Văn Lũy – Khu dân cư K8', 106.6803, 10.9967],
  ['le-hong-phong', 'Lê Hồng Phong – Phú Hòa', 106.6761, 10.9691, 'moved', 'moved'],
  ['nguyen-tri-phuong', 'Nguyễn Tri Phương – Chánh Nghĩa', 106.6512, 10.9702],
  ['ong-danh', 'Cầu Ông Đành', 106.6548, 10.9651, 'blind', 'dark'],
  ['mptv', 'Mỹ Phước – Tân Vạn, lý trình km 12+400', 106.6972, 10.9923],
  ['tran-van-on', 'Trần Văn Ơn – Đại học', 106.6748, 10.9806, 'lost', 'unauthorized'],
];

let uuid = 0;
function id(atMs: number): string {
  const time = atMs.toString(16).padStart(12, '0');
  const tail = (++uuid).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const sha = (text: string): string => Array.from({ length: 64 }, (_, i) => ((text.charCodeAt(i % text.length) * (i + 7)) % 16).toString(16)).join('');

interface Story {
  kind: EventKind;
  camera: string;
  severity: Severity;
  region?: [number, number, number, number];
  detail: Event['detail'];
  rule: string;
  thresholds: Record<string, number>;
  samples: { name: string; from: number; to: number; count: number }[];
  model?: string;
}

const STORIES: Record<string, Story> = {
  fire: {
    kind: 'fire.flame',
    camera: 'yersin',
    severity: 'extreme',
    region: [0.66, 0.36, 0.8, 0.67],
    detail: { about: 'fire', area_share: 0.043, growth: 1.8 },
    rule: 'found in one place in most looks of a window, and flickering or growing',
    thresholds: { score_min: 0.35, hits_min: 4, hits_share_min: 0.6, confirm_after_s: 6, flicker_min: 0.1, growth_min: 1.3 },
    samples: [{ name: 'score', from: 0.31, to: 0.88, count: 12 }],
    model: 'fire',
  },
  flood: {
    kind: 'flood.street',
    camera: 'bach-dang',
    severity: 'severe',
    region: [0, 0.64, 1, 1],
    detail: { about: 'flood', water_share: 0.62, depth_range: { min_cm: 20, max_cm: 50 }, depth_confidence: 0.97, passable: { motorbike: 'no', car: 'no', truck: 'slowly' }, passable_at_best: { motorbike: 'no', car: 'slowly', truck: 'yes' }, depth_reference: 'kerb', trend: 'rising' },
    rule: 'most readings over a span show more of the zone under water than the threshold and than is usual for it',
    thresholds: { water_share_min: 0.25, usual_share: 0.04, begin_after_s: 60, readings_min: 4, readings_share_min: 0.7 },
    samples: [{ name: 'water_share', from: 0.08, to: 0.62, count: 24 }],
    model: 'water',
  },
  jam: {
    kind: 'traffic.congestion',
    camera: 'cho-dinh',
    severity: 'moderate',
    detail: { about: 'congestion', level_of_service: 'F', density_pc_per_km_lane: 41.5, occupancy: 0.52, speed_kmh: 6.5, stopped_share: 0.75, queue_m: 85 },
    rule: 'level of service E or F in 3 bins of 30 s one after the other',
    thresholds: { density_pc_per_km_lane: 28, bins_min: 3 },
    samples: [
      { name: 'density_pc_per_km_lane', from: 12, to: 42, count: 20 },
      { name: 'speed_kmh', from: 31, to: 6, count: 20 },
    ],
    model: 'traffic',
  },
  wrongWay: {
    kind: 'traffic.wrong_way',
    camera: 'phu-cuong',
    severity: 'severe',
    region: [0.42, 0.44, 0.5, 0.62],
    detail: { about: 'vehicle', track: 214, class: 'motorcycle', duration_s: 6.5 },
    rule: 'one track against the direction of its zone for 3 s and 8 m or more',
    thresholds: { duration_s_min: 3, distance_m_min: 8 },
    samples: [{ name: 'heading_deg', from: 168, to: 181, count: 10 }],
    model: 'traffic',
  },
  stopped: {
    kind: 'traffic.stopped_vehicle',
    camera: 'mptv',
    severity: 'moderate',
    region: [0.3, 0.5, 0.5, 0.74],
    detail: { about: 'vehicle', track: 77, class: 'truck', duration_s: 84 },
    rule: 'one vehicle stands for 15 s while others move',
    thresholds: { duration_s_min: 15, others_moving_min: 2 },
    samples: [{ name: 'speed_kmh', from: 8, to: 0, count: 12 }],
    model: 'traffic',
  },
  lost: {
    kind: 'camera.lost',
    camera: 'tran-van-on',
    severity: 'minor',
    detail: { about: 'camera', reason: 'the camera refused name and password' },
    rule: 'no fresh picture for 10 s',
    thresholds: { frame_age_s_max: 10 },
    samples: [{ name: 'frame_age_s', from: 0.2, to: 12, count: 8 }],
  },
};

interface Kept {
  detail: IncidentDetail;
  stories: Map<string, Story>;
}

export class City {
  readonly cameras = new Map<string, Camera>();
  readonly #incidents = new Map<string, Kept>();
  /** Told of each change, as the live stream tells it. */
  onChange: (event: 'incident' | 'camera' | 'picture', data: unknown) => void = () => {};

  constructor(now: number) {
    for (const [camera, name, lon, lat, state = 'live', reason] of CAMERAS) {
      const seen = iso(now - (state === 'live' ? 2_000 : 140_000));
      this.cameras.set(camera, {
        edge: EDGE,
        camera,
        name,
        position: [lon, lat],
        state,
        ...(reason ? { reason } : {}),
        since: iso(now - 3_600_000),
        said: iso(now - 1000),
        frame_age_s: state === 'live' ? 0.3 : 140,
        analysed_fps: state === 'lost' ? 0 : 5,
        judgements: { congestion: state === 'live' ? 'clear' : 'unknown', fire: state === 'lost' ? 'unknown' : 'clear', flood: state === 'live' ? 'clear' : 'unknown' },
        open_incidents: 0,
        ...(camera === 'so-sao' ? {} : { picture: this.#picture(camera, seen) }),
      });
    }
    this.happen('jam', now - 22 * 60_000, 'lan.nguyen');
    this.happen('lost', now - 54 * 60_000);
    this.happen('stopped', now - 7 * 60_000);
    this.happen('flood', now - 3 * 60_000);
    this.happen('fire', now - 41_000);
    const old = this.happen('wrongWay', now - 26 * 3_600_000, 'lan.nguyen');
    this.close(old, 'minh.tran', 'false_alarm', 'Xe cứu hỏa đi ngược chiều có chủ ý', now - 25.8 * 3_600_000);
    this.close(this.happen('jam', now - 5 * 3_600_000, 'minh.tran'), 'minh.tran', 'resolved', undefined, now - 4.5 * 3_600_000);
  }

  #picture(camera: string, seen: string): NonNullable<Camera['picture']> {
    return { edge: EDGE, camera, url: `/api/v1/cameras/${EDGE}/${camera}/picture.jpg?at=${Date.parse(seen)}`, seen, width: 1280, height: 720 };
  }

  #ref(camera: string): CameraRef {
    const { edge, name, position } = this.cameras.get(camera)!;
    return { edge, camera, name, ...(position ? { position } : {}) };
  }

  /** Lets a story begin; returns the incident's id. */
  happen(name: string, at: number, takenBy?: string): string {
    const story = STORIES[name]!;
    const event = id(at);
    const incident = id(at + 1);
    const ref = this.#ref(story.camera);
    const evidence = { event, url: `/api/v1/evidence/${event}.jpg`, seen: iso(at + 5000), width: 1280, height: 720, sha256: sha(event), redacted: true };
    const samples = story.samples.flatMap(({ name: metric, from, to, count }) =>
      Array.from({ length: count }, (_, i) => {
        const x = i / (count - 1);
        const wobble = Math.sin(i * 2.3 + metric.length) * Math.abs(to - from) * 0.06;
        return { media_time_s: 60 + i * 5, name: metric, value: Math.max(0, from + (to - from) * (x * x * (3 - 2 * x)) + wobble) };
      }),
    );
    const camera = story.kind.startsWith('camera.');
    this.#incidents.set(incident, {
      stories: new Map([[event, story]]),
      detail: {
        incident: {
          id: incident,
          kind: story.kind,
          kinds: [story.kind],
          family: story.kind.split('.')[0] as Incident['family'],
          title: `${story.kind} at ${ref.name}`,
          version: 1,
          severity_set: false,
          certainty: 'likely',
          priority: PRIORITY[story.severity],
          promise: { timer: takenBy ? 'resolve' : 'acknowledge', due: iso(at + (takenBy ? 4 * 3_600_000 : 300_000)), level: 0, raises: iso(at + (takenBy ? 4 * 3_600_000 : 300_000)) },
          retracted: false,
          ...(takenBy ? { holder: takenBy } : {}),
          proposed: story.kind.startsWith('fire.') ? ['pccc'] : [],
          sent: [],
          report_count: 0,
          state: takenBy ? 'acknowledged' : 'new',
          ongoing: true,
          severity: story.severity,
          cameras: [ref],
          place: { name: ref.name, ...(ref.position ? { position: ref.position } : {}) },
          began: iso(at),
          opened: iso(at + 6000),
          updated: iso(at + 6000),
          late: false,
          clock_suspect: false,
          ...(takenBy ? { acknowledged: { by: takenBy, at: iso(at + 65_000) } } : {}),
          event_count: 1,
          evidence: camera ? [] : [evidence],
        },
        events: [
          {
            id: event,
            incident,
            kind: story.kind,
            phase: 'began',
            camera: ref,
            zone: camera ? 'picture' : 'inbound',
            began: iso(at),
            seen: iso(at + 5000),
            uncertainty_ms: 20,
            arrived: iso(at + 6000),
            severity: story.severity,
            confidence: 0.86,
            ...(story.region ? { region: story.region } : {}),
            detail: story.detail,
            proof: { rule: story.rule, thresholds: story.thresholds, samples, calibrated: name === 'jam' },
            models: story.model ? [{ id: story.model, sha256: sha(story.model) }] : [],
            late: false,
            clock_suspect: false,
            ...(camera ? {} : { evidence }),
            clip: { state: camera ? 'none' : 'available' },
          },
        ],
        reports: [],
        effects: [],
        log: [
          { at: iso(at + 6000), by: 'matpho-center', what: 'opened', event },
          ...(takenBy ? [{ at: iso(at + 65_000), by: takenBy, what: 'acknowledged' as LogAction }] : []),
        ],
      },
    });
    this.#count(story.camera);
    this.#tell(incident);
    return incident;
  }

  incidents(open: boolean): Incident[] {
    return [...this.#incidents.values()]
      .map(({ detail }) => detail.incident)
      .filter((incident) => isClosed(incident) !== open)
      .sort((a, b) => (a.opened < b.opened ? 1 : -1));
  }

  /** Figures of an hour, a minute each, newest first. */
  measurements(camera: string, now = Date.now()): Measurement[] {
    const jam = this.seenBy(camera) === 'traffic.congestion';
    const flood = this.seenBy(camera) === 'flood.street';
    return Array.from({ length: 55 }, (_, i) => {
      const to = Math.floor(now / 60_000) * 60_000 - i * 60_000;
      const slow = jam && i < 22 ? 1 : 0;
      const wave = Math.sin(i / 5 + camera.length);
      const traffic: Measurement = {
        edge: EDGE,
        camera,
        zone: 'inbound',
        from: iso(to - 60_000),
        to: iso(to),
        figures: { about: 'traffic', counts: { motorcycle: Math.round(34 + 8 * wave - 18 * slow), car: Math.round(9 + 3 * wave), bus: 1 }, vehicles_pcu_mean: 6.5 + 14 * slow, occupancy: 0.14 + 0.03 * wave + 0.36 * slow, speed_kmh: 31 - 2 * wave - 23 * slow, stopped_share: 0.05 + 0.7 * slow, level_of_service: slow ? 'F' : 'B', calibrated: true, frames: 300 },
      };
      const water: Measurement = { ...traffic, figures: { about: 'flood', water_share: Math.max(0, 0.6 - i * 0.03), trend: 'rising', frames: 6 } };
      return flood ? [traffic, water] : [traffic];
    }).flat();
  }

  edges(): Edge[] {
    const now = Date.now();
    return [{ edge: EDGE, state: 'online', version: '0.1.0', started: iso(now - 9 * 3_600_000), said: iso(now), cameras: CAMERAS.length, outbox_depth: 0, outbox_age_s: 0, load: 0.41 }];
  }

  detail(incident: string): IncidentDetail | undefined {
    return this.#incidents.get(incident)?.detail;
  }

  story(event: string): { story: Story; seen: string; name: string } | undefined {
    for (const { detail, stories } of this.#incidents.values()) {
      const story = stories.get(event);
      if (story) return { story, seen: detail.events[0]!.seen, name: detail.incident.place.name };
    }
    return undefined;
  }

  /** The kind of an incident that goes on before this camera. */
  seenBy(camera: string): EventKind | undefined {
    return this.incidents(true).find((incident) => incident.ongoing && incident.cameras[0]!.camera === camera)?.kind;
  }

  /** False when somebody was quicker. */
  acknowledge(incident: string, by: string, at = Date.now()): boolean {
    const detail = this.#incidents.get(incident)!.detail;
    if (detail.incident.state !== 'new') return false;
    this.#change(detail, { state: 'acknowledged', holder: by, acknowledged: { by, at: iso(at) } }, 'acknowledged', by, at);
    return true;
  }

  close(incident: string, by: string, reason: 'resolved' | 'false_alarm' | 'duplicate' | 'no_action', note?: string, at = Date.now(), falseReason: FalseReason = 'other'): boolean {
    const detail = this.#incidents.get(incident)!.detail;
    if (isClosed(detail.incident)) return false;
    const isFalse = reason === 'false_alarm';
    const state = isFalse ? 'false_alarm' : 'resolved';
    const { promise: _promise, ...open } = detail.incident;
    detail.incident = open;
    this.#change(detail, { state, ongoing: false, closed: { by, at: iso(at), reason, ...(isFalse ? { false_reason: falseReason } : {}), ...(note ? { note } : {}) } }, state, by, at, note);
    this.#count(detail.incident.cameras[0]!.camera);
    return true;
  }

  dispatch(incident: string, by: string, agency: string, note?: string, at = Date.now()): boolean {
    const detail = this.#incidents.get(incident)!.detail;
    const { sent, proposed } = detail.incident;
    if (isClosed(detail.incident) || sent.includes(agency)) return false;
    this.#change(detail, { state: 'dispatched', holder: by, acknowledged: detail.incident.acknowledged ?? { by, at: iso(at) }, sent: [...sent, agency], proposed: proposed.filter((one) => one !== agency) }, 'dispatched', by, at, note, { about: 'agency', agency });
    return true;
  }

  reopen(incident: string, by: string, note: string): boolean {
    const detail = this.#incidents.get(incident)!.detail;
    if (!isClosed(detail.incident)) return false;
    const { closed: _closed, ...open } = detail.incident;
    detail.incident = open;
    this.#change(detail, { state: 'acknowledged', holder: by, sent: [] }, 'reopened', by, Date.now(), note);
    return true;
  }

  note(incident: string, by: string, note: string): void {
    this.#change(this.#incidents.get(incident)!.detail, {}, 'noted', by, Date.now(), note);
  }

  end(incident: string): void {
    const detail = this.#incidents.get(incident)?.detail;
    if (!detail?.incident.ongoing) return;
    const at = Date.now();
    detail.events = detail.events.map((event) => ({ ...event, phase: 'ended', ended: iso(at), end_reason: 'cleared' }));
    this.#change(detail, { ongoing: false, ended: iso(at) }, 'ended', 'matpho-center', at);
  }

  clip(event: string, state: 'requested' | 'ready' | 'failed', by: string): boolean {
    const record = [...this.#incidents.values()].find(({ stories }) => stories.has(event));
    if (!record) return false;
    const clip = state === 'ready' ? { state, url: `/api/v1/clips/${event}.mp4` } : state === 'failed' ? { state, error: 'the gateway did not answer in time' } : { state };
    record.detail.events = record.detail.events.map((e) => (e.id === event ? { ...e, clip } : e));
    this.#change(record.detail, {}, state === 'ready' ? 'clip_ready' : 'clip_requested', by, Date.now());
    return true;
  }

  /** A new picture of a live camera. */
  look(camera: string): void {
    const known = this.cameras.get(camera)!;
    if (known.state !== 'live' || !known.picture) return;
    const picture = this.#picture(camera, iso(Date.now()));
    this.cameras.set(camera, { ...known, picture, said: picture.seen });
    this.onChange('picture', picture);
  }

  setState(camera: string, state: CameraState, reason?: string): void {
    const { reason: _gone, ...known } = this.cameras.get(camera)!;
    const now = iso(Date.now());
    const next: Camera = { ...known, state, ...(reason ? { reason } : {}), since: now, said: now };
    this.cameras.set(camera, next);
    this.onChange('camera', next);
  }

  /** The alarm load of a day that had enough of everything. */
  alarmLoad(now = Date.now()): AlarmLoad {
    const of = (camera: string, family: AlarmLoad['loudest'][number]['source']['family']) => ({ edge: EDGE, camera, name: this.cameras.get(camera)!.name, family });
    return {
      from: iso(now - 10 * 3_600_000),
      to: iso(now),
      operators: 1,
      limits: { per_period_mean: [1, 2], per_period_max: 10, flooded_share: 0.01, top_ten_share: 0.05, stale: 5, priorities: [0.8, 0.15, 0.05] },
      raised: 84,
      per_period_mean: 1.4,
      per_period_max: 12,
      flooded_share: 0.033,
      floods: [{ from: iso(now - 5 * 3_600_000), to: iso(now - 4.7 * 3_600_000) }],
      top_ten_share: 0.71,
      loudest: [
        { source: of('bach-dang', 'traffic'), raised: 19, chatters: true },
        { source: of('yersin', 'fire'), raised: 7, chatters: false },
      ],
      stale: [],
      priorities: [0.62, 0.24, 0.14],
      acknowledge_s_median: 48,
      by_operator: [{ name: 'lan.nguyen', acknowledged: 51, dispatched: 6, closed: 47, acknowledge_s_median: 41 }],
      false_alarms: [{ source: of('yersin', 'fire'), closed: 6, false_alarms: 4, reasons: { light: 3, reflection: 1 } }],
    };
  }

  #count(camera: string): void {
    const open_incidents = this.incidents(true).filter((incident) => incident.cameras[0]!.camera === camera).length;
    this.cameras.set(camera, { ...this.cameras.get(camera)!, open_incidents });
  }

  #change(detail: IncidentDetail, change: Partial<Incident>, what: LogAction, by: string, at: number, note?: string, about?: LogDetail): void {
    detail.incident = { ...detail.incident, ...change, version: detail.incident.version + 1, updated: iso(at) };
    detail.log = [...detail.log, { at: iso(at), by, what, ...(note ? { note } : {}), ...(about ? { detail: about } : {}) }];
    this.#tell(detail.incident.id);
  }

  #tell(incident: string): void {
    this.onChange('incident', this.detail(incident)!.incident);
  }
}
