/**
 * The operator's desk: who is logged in, what the city says, what is on the screen. Components read it and call its methods; nothing
 * else talks to the centre.
 */
import { SvelteMap } from 'svelte/reactivity';
import { Api, ApiError, STREAM_URL } from './api.ts';
import { time } from './clock.svelte.ts';
import { t, tOr } from './i18n.svelte.ts';
import { LiveStream, type LivePhase } from './live.ts';
import { byUrgency, isHistory, isShelved } from './order.ts';
import { apply, putIncident, replaceAll, type Effects } from './reduce.ts';
import { formatRoute, parseRoute, type Route } from './route.ts';
import { sound } from './sound.svelte.ts';
import { isClosed, type AlarmLoadNow, type AlarmSource, type Camera, type CloseReason, type Edge, type FalseReason, type Incident, type IncidentDetail, type Me, type NewReport, type Report, type Settings } from './types.ts';

export type Session =
  /** Being asked for. */
  | 'checking'
  /** Nobody is logged in. */
  | 'out'
  | 'in'
  /** It ran out while at work: login comes over the screen, which stays. */
  | 'expired';

/** Without a sign of life for so long, what is shown may be old (a third of it is the centre's heartbeat). */
export const SILENCE_TOLD_MS = 20_000;
/** The detail is read again so long after the stream said that it changed: changes come in bunches. */
const DETAIL_SETTLE_MS = 250;
/** What was on the screen before a login elsewhere. */
const BACK_TO = 'matpho.back';
/** The lists are read again so often when the stream is down. */
const POLL_MS = 5_000;

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'error';
}

class Desk {
  session = $state<Session>('checking');
  me = $state.raw<Me>();
  settings = $state.raw<Settings>();
  readonly incidents = new SvelteMap<string, Incident>();
  readonly cameras = new SvelteMap<string, Camera>();
  readonly edges = new SvelteMap<string, Edge>();
  /** Whether the lists have been read once. */
  loaded = $state(false);
  live = $state.raw<{ phase: LivePhase; retryAt?: number }>({ phase: 'stopped' });
  /** When the centre was last heard of, by {@link time}. */
  heardAt = $state(0);
  /** The centre now speaks another version than when this page was loaded. */
  outdated = $state(false);
  route = $state.raw<Route>(parseRoute(location.hash));
  detail = $state.raw<IncidentDetail>();
  detailError = $state<string>();
  toasts = $state.raw<Toast[]>([]);
  /** Read out at once by screen readers. */
  announcement = $state('');

  /** Open incidents, most urgent first. */
  readonly open = $derived([...this.incidents.values()].sort(byUrgency));
  /** What is silenced is counted by nobody. */
  readonly unacknowledged = $derived(this.open.filter((incident) => incident.state === 'new' && !isHistory(incident) && !isShelved(incident, time.now)).length);
  /** How many alarms there are. */
  load = $state.raw<AlarmLoadNow>();
  /** Whether what is shown may be old. */
  readonly silent = $derived(this.session === 'in' && this.heardAt > 0 && time.now - this.heardAt > SILENCE_TOLD_MS);

  readonly api = new Api();
  #stream: LiveStream | undefined;
  #detailTimer: ReturnType<typeof setTimeout> | undefined;
  #toastId = 0;
  #version: string | undefined;

  constructor() {
    this.api.onClock = (ahead) => time.setAhead(ahead);
    this.api.onUnauthorized = () => this.#expire();
    window.addEventListener('hashchange', () => this.#routed());
    window.addEventListener('online', () => this.#stream?.retryNow());
    setInterval(() => this.#pollWhileBroken(), POLL_MS);
  }

  /** Finds out whether somebody is logged in already. */
  async start(): Promise<void> {
    try {
      this.me = await this.api.me();
    } catch (error) {
      this.session = 'out';
      if (!(error instanceof ApiError) || error.code !== 'unauthorized') this.complain(error);
      return;
    }
    this.#goBack();
    await this.#enter();
  }

  /** Remembers what is on the screen before the browser leaves for the login of somebody else; {@link start} goes back there. */
  leave(): void {
    try {
      sessionStorage.setItem(BACK_TO, location.hash);
    } catch {
      // A browser that keeps nothing begins at the list.
    }
  }

  /** Throws what the login form has to show. */
  async login(name: string, password: string): Promise<void> {
    const before = this.me?.name;
    this.me = await this.api.login(name, password);
    if (before !== undefined && before !== this.me.name) this.#forget();
    await this.#enter();
  }

  async logout(): Promise<void> {
    this.#stream?.stop();
    this.#stream = undefined;
    this.session = 'out';
    this.me = undefined;
    this.#forget();
    await this.api.logout().catch(() => {});
  }

  go(route: Route): void {
    const hash = formatRoute(route);
    if (hash !== location.hash) history.pushState(null, '', hash);
    this.#routed(route);
  }

  select(id: string | undefined): void {
    const tab = this.route.tab === 'closed' ? 'closed' : 'incidents';
    this.go(id ? { tab, incident: id } : { tab });
  }

  async acknowledge(id: string): Promise<void> {
    await this.#act(id, () => this.api.acknowledge(id));
  }

  async dispatch(id: string, agency: string, note: string): Promise<boolean> {
    return this.#act(id, () => this.api.dispatch(id, agency.trim(), note.trim() || undefined));
  }

  async close(incident: Incident, reason: CloseReason, falseReason: FalseReason | undefined, note: string): Promise<boolean> {
    return this.#act(incident.id, () => this.api.close(incident, reason, falseReason, note.trim() || undefined));
  }

  async reopen(id: string, note: string): Promise<boolean> {
    return this.#act(id, () => this.api.reopen(id, note.trim()));
  }

  async assess(incident: Incident, said: Parameters<Api['assess']>[1]): Promise<boolean> {
    return this.#act(incident.id, () => this.api.assess(incident, { ...said, note: said.note.trim() }));
  }

  async merge(id: string, others: string[], note: string): Promise<boolean> {
    return this.#act(id, () => this.api.merge(id, others, note.trim() || undefined));
  }

  /** The id of the new incident. */
  async split(incident: Incident, events: string[], note: string): Promise<string | undefined> {
    let made: string | undefined;
    await this.#act(incident.id, async () => {
      const other = await this.api.split(incident, events, note.trim() || undefined);
      made = other.id;
      return other;
    });
    return made;
  }

  async report(report: NewReport): Promise<Report | undefined> {
    try {
      return await this.api.report(report);
    } catch (error) {
      this.complain(error);
      return undefined;
    }
  }

  async shelve(source: Omit<AlarmSource, 'name'>, minutes: number, reason: string): Promise<boolean> {
    try {
      await this.api.shelve(source, minutes, reason.trim());
      return true;
    } catch (error) {
      this.complain(error);
      return false;
    }
  }

  /** Who can be sent, in words. */
  agency(id: string): string {
    return this.settings?.agencies.find((agency) => agency.id === id)?.name ?? id;
  }

  async note(id: string, note: string): Promise<boolean> {
    return this.#act(id, () => this.api.note(id, note.trim()));
  }

  async requestClip(event: string): Promise<void> {
    try {
      await this.api.requestClip(event);
    } catch (error) {
      this.complain(error);
    }
    await this.#readDetail();
  }

  say(text: string, tone: Toast['tone'] = 'info'): void {
    const id = ++this.#toastId;
    this.toasts = [...this.toasts.slice(-3), { id, text, tone }];
    setTimeout(() => this.dismiss(id), tone === 'error' ? 9000 : 4000);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  complain(error: unknown): void {
    if (error instanceof ApiError && error.code === 'unauthorized') return;
    this.say(words(error), 'error');
  }

  /** Reads an error's words for places that show it themselves. */
  words = words;

  retryLive(): void {
    this.#stream?.retryNow();
  }

  #goBack(): void {
    try {
      const hash = sessionStorage.getItem(BACK_TO);
      sessionStorage.removeItem(BACK_TO);
      if (hash && !location.hash) this.go(parseRoute(hash));
    } catch {
      // As above.
    }
  }

  async #enter(): Promise<void> {
    this.session = 'in';
    try {
      this.settings = await this.api.settings();
    } catch (error) {
      this.complain(error);
    }
    this.#stream?.stop();
    const heartbeat = this.settings?.heartbeat_s ?? 15;
    this.#stream = new LiveStream(
      STREAM_URL,
      {
        message: (message) => this.#heard(apply(this, message)),
        phase: (phase, retryAt) => this.#phase(phase, retryAt),
        heard: () => (this.heardAt = time.now),
      },
      { lastId: this.#stream?.lastId ?? '', silenceMsMax: Math.max(heartbeat * 3000, SILENCE_TOLD_MS) },
    );
    this.heardAt = time.now;
    // It says hello, and then the lists are read: what changes meanwhile is in one or the other.
    this.#stream.start();
    await this.#readDetail();
  }

  /** Reads the lists anew. */
  async resync(): Promise<void> {
    try {
      const [incidents, cameras, edges] = await Promise.all([this.api.openIncidents(), this.api.cameras(), this.api.edges()]);
      const alarms = replaceAll(this, incidents, cameras, edges);
      // Beside the lists: whoever may not ask for it works without.
      void this.api.alarmLoadNow().then((load) => (this.load = load), () => {});
      if (this.loaded) for (const alarm of alarms) this.#alarm(alarm);
      this.loaded = true;
      this.heardAt = time.now;
    } catch (error) {
      // While the stream is down too the banner says so; a toast each time would only be noise.
      if (!this.loaded || this.live.phase === 'live') this.complain(error);
    }
  }

  #pollWhileBroken(): void {
    if (this.session !== 'in' || this.live.phase === 'live' || document.hidden) return;
    void this.resync();
  }

  #heard(effects: Effects): void {
    if (effects.resync) void this.resync().then(() => this.#readDetail());
    if (effects.alarm) this.#alarm(effects.alarm);
    if (effects.load) this.load = effects.load;
    if (effects.changed?.id === this.route.incident) this.#readDetailSoon();
    if (effects.version) {
      if (!this.#stream?.resumed) void this.resync();
      this.outdated = this.#version !== undefined && this.#version !== effects.version;
      this.#version ??= effects.version;
    }
  }

  #phase(phase: LivePhase, retryAt?: number): void {
    // The attempt is told by this machine's clock, everything here by the centre's.
    this.live = retryAt === undefined ? { phase } : { phase, retryAt: time.now + retryAt - Date.now() };
    if (phase === 'denied') this.#expire();
    if (phase === 'waiting' && !this.loaded) void this.resync();
  }

  #alarm(incident: Incident): void {
    this.announcement = t('announce.incident', {
      severity: t(`severity.${incident.severity}`),
      kind: tOr(`kind.${incident.kind}`, incident.kind),
      place: incident.place.name,
    });
    sound.play(incident.severity);
  }

  #expire(): void {
    if (this.session === 'in') this.session = 'expired';
    else if (this.session !== 'expired') this.session = 'out';
    this.#stream?.stop();
  }

  #forget(): void {
    this.incidents.clear();
    this.cameras.clear();
    this.edges.clear();
    this.loaded = false;
    this.detail = undefined;
    this.#stream?.stop();
    this.#stream = undefined;
  }

  #routed(route: Route = parseRoute(location.hash)): void {
    const changed = route.incident !== this.route.incident;
    this.route = route;
    if (!changed) return;
    this.detail = undefined;
    this.detailError = undefined;
    if (this.session === 'in') void this.#readDetail();
  }

  #readDetailSoon(): void {
    clearTimeout(this.#detailTimer);
    this.#detailTimer = setTimeout(() => void this.#readDetail(), DETAIL_SETTLE_MS);
  }

  async #readDetail(): Promise<void> {
    const id = this.route.incident;
    if (!id || this.session !== 'in') return;
    try {
      const detail = await this.api.incident(id);
      if (this.route.incident !== id) return;
      this.detail = detail;
      this.detailError = undefined;
    } catch (error) {
      if (this.route.incident === id && !this.detail) this.detailError = words(error);
    }
  }

  /** Runs an operator's act; tells what became of it. */
  async #act(id: string, act: () => Promise<Incident | IncidentDetail>): Promise<boolean> {
    let done = false;
    try {
      const answer = await act();
      this.#heard(putIncident(this, 'incident' in answer ? answer.incident : answer));
      done = true;
    } catch (error) {
      const now = error instanceof ApiError ? error.problem?.incident : undefined;
      if (now) {
        putIncident(this, now);
        const by = now.closed?.by ?? now.holder ?? now.acknowledged?.by ?? '?';
        this.say(t(isClosed(now) ? 'conflict.closed' : now.state === 'acknowledged' ? 'conflict.acknowledged' : 'conflict.changed', { by }), 'error');
      } else {
        this.complain(error);
      }
    }
    if (this.route.incident === id) void this.#readDetail();
    return done;
  }
}

/** An error in the operator's language, with the centre's own words behind it where they say more. */
function words(error: unknown): string {
  if (!(error instanceof ApiError)) return t('error.unknown', { detail: String(error) });
  const ours = tOr(`error.${error.code}`, t('error.unknown', { detail: error.code }));
  return error.detail && !['wrong_login', 'unauthorized'].includes(error.code) ? `${ours} (${error.detail})` : ours;
}

export const desk = new Desk();
