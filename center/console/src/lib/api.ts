/** The centre's API, typed. One method a call; what goes wrong is an {@link ApiError} with words for the operator. */
import type {
  AlarmLoad,
  AlarmLoadNow,
  AlarmSource,
  Camera,
  CameraId,
  Certainty,
  CloseReason,
  Contact,
  Edge,
  FalseReason,
  Incident,
  IncidentDetail,
  Instant,
  LoginWays,
  Measurement,
  Me,
  NewReport,
  Page,
  Priority,
  Problem,
  Report,
  Settings,
  Severity,
  Shelf,
} from './types.ts';

const BASE = '/api/v1';
/** Beyond this an operator would rather be told. */
const TIMEOUT_MS = 15_000;

export class ApiError extends Error {
  constructor(
    /** `network` and `timeout` are ours, the rest is the centre's `code`. */
    readonly code: string,
    /** The centre's own words, in English; empty for ours. */
    readonly detail: string,
    readonly status = 0,
    readonly problem?: Problem,
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ApiError';
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value;
}

async function failure(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (isProblem(body)) return new ApiError(body.code, body.detail, response.status, body);
  const code = response.status === 401 ? 'unauthorized' : response.status >= 500 ? 'unavailable' : 'bad_request';
  return new ApiError(code, `HTTP ${response.status}`, response.status);
}

/** Something that no other request has: the centre does what is asked with it once, however often it is asked. */
function onceKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Api {
  /** Told with each answer how far the centre's clock is ahead of ours, ms. */
  onClock: (aheadMs: number) => void = () => {};
  /** Told when the session is over. */
  onUnauthorized: () => void = () => {};

  /** An act: done once, and, with a version, only if nobody has acted since. A request whose answer is lost is sent once more. */
  async #act<T>(path: string, body: unknown, version?: number): Promise<T> {
    const headers = { 'Idempotency-Key': onceKey(), ...(version === undefined ? {} : { 'If-Match': `"${version}"` }) };
    try {
      return await this.#call<T>('POST', path, body, headers);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'network') throw error;
      return this.#call<T>('POST', path, body, headers);
    }
  }

  async #call<T>(method: string, path: string, body?: unknown, conditions: Record<string, string> = {}): Promise<T> {
    let response: Response;
    try {
      response = await fetch(BASE + path, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        headers: { Accept: 'application/json', ...conditions, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new ApiError(error instanceof DOMException && error.name === 'TimeoutError' ? 'timeout' : 'network', '');
    }
    const date = Date.parse(response.headers.get('date') ?? '');
    // The header counts whole seconds: half of one is the fairest guess.
    if (Number.isFinite(date)) this.onClock(date + 500 - Date.now());
    if (!response.ok) {
      const error = await failure(response);
      if (error.code === 'unauthorized') this.onUnauthorized();
      throw error;
    }
    return (response.status === 204 ? undefined : await response.json().catch(() => undefined)) as T;
  }

  me = (): Promise<Me> => this.#call('GET', '/me');
  ways = (): Promise<LoginWays> => this.#call('GET', '/session/ways');
  login = (name: string, password: string): Promise<Me> => this.#call('POST', '/session', { name, password });
  logout = (): Promise<void> => this.#call('DELETE', '/session');
  settings = (): Promise<Settings> => this.#call('GET', '/settings');

  /** All open incidents, over all pages. */
  async openIncidents(): Promise<Incident[]> {
    const items: Incident[] = [];
    for (let before: string | undefined; ; ) {
      const page: Page<Incident> = await this.#incidents({ state: 'open', limit: '200' }, before);
      items.push(...page.items);
      if (!page.next || page.next === before) return items;
      before = page.next;
    }
  }
  /** One page, newest first. `kind` is a kind or the group it begins with. */
  closedIncidents = (kind?: string, before?: string): Promise<Page<Incident>> => this.#incidents({ state: 'closed', limit: '100', ...(kind ? { kind } : {}) }, before);
  incident = (id: string): Promise<IncidentDetail> => this.#call('GET', `/incidents/${id}`);
  acknowledge = (id: string): Promise<Incident> => this.#act(`/incidents/${id}/acknowledge`, {});
  dispatch = (id: string, agency: string, note?: string): Promise<Incident> => this.#act(`/incidents/${id}/dispatch`, { agency, ...(note ? { note } : {}) });
  close = ({ id, version }: Incident, reason: CloseReason, falseReason?: FalseReason, note?: string): Promise<Incident> =>
    this.#act(`/incidents/${id}/close`, { reason, ...(falseReason ? { false_reason: falseReason } : {}), ...(note ? { note } : {}) }, version);
  reopen = (id: string, note: string): Promise<Incident> => this.#act(`/incidents/${id}/reopen`, { note });
  note = (id: string, note: string): Promise<Incident> => this.#act(`/incidents/${id}/note`, { note });
  assess = ({ id, version }: Incident, said: { severity?: Severity; certainty?: Certainty; priority?: Priority; note: string }): Promise<Incident> =>
    this.#act(`/incidents/${id}/assess`, said, version);
  merge = (id: string, incidents: string[], note?: string): Promise<Incident> => this.#act(`/incidents/${id}/merge`, { incidents, ...(note ? { note } : {}) });
  /** The new incident. */
  split = ({ id, version }: Incident, events: string[], note?: string): Promise<Incident> =>
    this.#act(`/incidents/${id}/split`, { events, ...(note ? { note } : {}) }, version);

  report = (report: NewReport): Promise<Report> => this.#act('/reports', report);
  contact = (report: string): Promise<Contact> => this.#call('GET', `/reports/${report}/contact`);

  /** Of a day in Vietnam, `YYYY-MM-DD`. */
  alarmLoad = (day: string): Promise<AlarmLoad> => this.#call('GET', `/alarm-load?${new URLSearchParams({ day })}`);
  alarmLoadNow = (): Promise<AlarmLoadNow> => this.#call('GET', '/alarm-load/now');
  shelves = (): Promise<Shelf[]> => this.#call('GET', '/shelves');
  shelve = ({ edge, camera, family }: Omit<AlarmSource, 'name'>, minutes: number, reason: string): Promise<Shelf> =>
    this.#act('/shelves', { edge, camera, family, minutes, reason });
  unshelve = (id: string): Promise<Shelf> => this.#call('DELETE', `/shelves/${id}`);

  requestClip = (event: string): Promise<void> => this.#call('POST', `/clips/${event}/request`);

  cameras = (): Promise<Camera[]> => this.#call('GET', '/cameras');
  /** Figures of a camera since an instant, newest first. */
  measurements = ({ edge, camera }: CameraId, from: Instant): Promise<Page<Measurement>> =>
    this.#call('GET', `/measurements?${new URLSearchParams({ edge, camera, from, limit: '200' })}`);
  edges = (): Promise<Edge[]> => this.#call('GET', '/edges');

  #incidents(query: Record<string, string>, before: string | undefined): Promise<Page<Incident>> {
    return this.#call('GET', `/incidents?${new URLSearchParams({ ...query, ...(before ? { before } : {}) })}`);
  }
}

/** Where the live stream is. */
export const STREAM_URL = `${BASE}/stream`;
