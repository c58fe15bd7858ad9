/** The centre's API, typed. One method a call; what goes wrong is an {@link ApiError} with words for the operator. */
import type { Camera, CameraId, CloseReason, Edge, Incident, IncidentDetail, Instant, Measurement, Me, Page, Problem, Settings } from './types.ts';

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

export class Api {
  /** Told with each answer how far the centre's clock is ahead of ours, ms. */
  onClock: (aheadMs: number) => void = () => {};
  /** Told when the session is over. */
  onUnauthorized: () => void = () => {};

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    try {
      response = await fetch(BASE + path, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
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
  acknowledge = (id: string): Promise<Incident> => this.#call('POST', `/incidents/${id}/acknowledge`, {});
  close = (id: string, reason: CloseReason, note?: string): Promise<Incident> =>
    this.#call('POST', `/incidents/${id}/close`, { reason, ...(note ? { note } : {}) });
  note = (id: string, note: string): Promise<Incident> => this.#call('POST', `/incidents/${id}/note`, { note });
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
