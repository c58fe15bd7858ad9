/**
 * The live stream of the centre: connects, resumes after the last message it has, backs off, and says how fresh it is.
 *
 * `fetch` instead of `EventSource`, because an operator must see three things that `EventSource` hides: heartbeats (is the silence
 * calm or a dead link?), the status of a refused connection (has the session run out?), and when the next attempt comes.
 */
import { SseParser, type SseMessage } from './sse.ts';

export type LivePhase =
  /** A connection is being made. */
  | 'connecting'
  /** Connected; messages and heartbeats arrive. */
  | 'live'
  /** Broken; the next attempt comes at `retryAt`. */
  | 'waiting'
  /** The centre wants a login. */
  | 'denied'
  /** Not wanted. */
  | 'stopped';

export interface LiveHandlers {
  message(message: SseMessage): void;
  phase(phase: LivePhase, retryAt?: number): void;
  /** Bytes arrived, be it a heartbeat. */
  heard(at: number): void;
}

/** What the world gives; tests give another. */
export interface LiveWorld {
  fetch: typeof fetch;
  now(): number;
  random(): number;
  later(run: () => void, ms: number): unknown;
  cancel(timer: unknown): void;
}

const BROWSER: LiveWorld = {
  fetch: (input, init) => fetch(input, init),
  now: () => Date.now(),
  random: () => Math.random(),
  later: (run, ms) => setTimeout(run, ms),
  cancel: (timer) => clearTimeout(timer as number),
};

/** First wait after a break; doubles up to the longest. */
export const BACKOFF_MS_FIRST = 1_000;
export const BACKOFF_MS_MAX = 30_000;
/** A connection that is silent for so long is dead, whatever TCP says, unless told otherwise. */
export const SILENCE_MS_MAX = 45_000;

export interface LiveOptions {
  /** Resume after this message. */
  lastId?: string;
  /** Three heartbeats of the centre. */
  silenceMsMax?: number;
}

/** How long to wait before attempt number `attempt` (from 0): doubling, with a quarter of jitter either way. */
export function backoffMs(attempt: number, random: number): number {
  const base = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(attempt, 10));
  return Math.round(base * (0.75 + random / 2));
}

export class LiveStream {
  readonly #url: string;
  readonly #handlers: LiveHandlers;
  readonly #world: LiveWorld;
  readonly #silenceMsMax: number;
  #parser: SseParser;
  #abort: AbortController | undefined;
  #timer: unknown;
  #watchdog: unknown;
  #attempt = 0;
  #running = false;

  constructor(url: string, handlers: LiveHandlers, options: LiveOptions = {}, world: LiveWorld = BROWSER) {
    this.#url = url;
    this.#handlers = handlers;
    this.#world = world;
    this.#parser = new SseParser(options.lastId);
    this.#silenceMsMax = options.silenceMsMax ?? SILENCE_MS_MAX;
  }

  /** Whether this connection goes on where an earlier one stopped; otherwise what was missed has to be read elsewhere. */
  resumed = false;

  /** Where a later connection would resume. */
  get lastId(): string {
    return this.#parser.lastId;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#attempt = 0;
    void this.#connect();
  }

  /** Tries again at once, for an operator who will not wait or a browser that is online again. */
  retryNow(): void {
    if (!this.#running || this.#abort) return;
    this.#world.cancel(this.#timer);
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    this.#world.cancel(this.#timer);
    this.#world.cancel(this.#watchdog);
    this.#abort?.abort();
    this.#abort = undefined;
    this.#handlers.phase('stopped');
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#parser = new SseParser(this.#parser.lastId);
    this.resumed = this.#parser.lastId !== '';
    this.#handlers.phase('connecting');
    this.#feedWatchdog(abort);
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (this.#parser.lastId) headers['Last-Event-ID'] = this.#parser.lastId;
      const response = await this.#world.fetch(this.#url, { headers, signal: abort.signal, cache: 'no-store', credentials: 'same-origin' });
      if (response.status === 401 || response.status === 403) {
        await response.body?.cancel();
        this.#running = false;
        this.#abort = undefined;
        this.#world.cancel(this.#watchdog);
        this.#handlers.phase('denied');
        return;
      }
      if (!response.ok || !response.body) throw new Error(`the stream answered ${response.status}`);
      await this.#read(response.body, abort);
    } catch {
      // Whatever broke it, the answer is the same: wait and come back.
    }
    this.#world.cancel(this.#watchdog);
    if (!this.#running || this.#abort !== abort) return;
    this.#abort = undefined;
    const wait = Math.max(this.#parser.retryMs ?? 0, backoffMs(this.#attempt++, this.#world.random()));
    this.#handlers.phase('waiting', this.#world.now() + wait);
    this.#timer = this.#world.later(() => void this.#connect(), wait);
  }

  async #read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    // An abort must also end a read that waits for bytes of a dead connection.
    abort.signal.addEventListener('abort', () => void reader.cancel().catch(() => {}), { once: true });
    this.#handlers.phase('live');
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort.signal.aborted) return;
      this.#attempt = 0;
      this.#feedWatchdog(abort);
      this.#handlers.heard(this.#world.now());
      for (const message of this.#parser.push(decoder.decode(value, { stream: true }))) this.#handlers.message(message);
    }
  }

  #feedWatchdog(abort: AbortController): void {
    this.#world.cancel(this.#watchdog);
    this.#watchdog = this.#world.later(() => abort.abort(), this.#silenceMsMax);
  }
}
