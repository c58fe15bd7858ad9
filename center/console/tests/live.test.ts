import { describe, expect, it } from 'vitest';
import { BACKOFF_MS_FIRST, BACKOFF_MS_MAX, backoffMs, LiveStream, type LivePhase, type LiveWorld } from '../src/lib/live.ts';
import { SseParser, type SseMessage } from '../src/lib/sse.ts';

describe('the reader of event streams', () => {
  const read = (...chunks: string[]): SseMessage[] => {
    const parser = new SseParser();
    return chunks.flatMap((chunk) => parser.push(chunk));
  };

  it('joins what arrives in pieces, whatever ends the lines', () => {
    const whole = [{ event: 'incident', data: '{"a":1}\n{"b":2}', id: '7' }];
    const text = 'id: 7\nevent: incident\ndata: {"a":1}\ndata: {"b":2}\n\n';
    for (const ends of ['\n', '\r\n', '\r']) {
      const stream = `${text.replaceAll('\n', ends)}: bye\n`;
      expect(read(stream)).toEqual(whole);
      expect(read(...stream)).toEqual(whole);
    }
  });

  it('keeps heartbeats silent and messages without data away', () => {
    expect(read(': heartbeat\n\n', 'event: x\n\n', 'data\n\n')).toEqual([{ event: 'message', data: '', id: '' }]);
  });

  it('counts an id once its message is whole', () => {
    const parser = new SseParser('41');
    parser.push('id: 42\ndata: half');
    expect(parser.lastId).toBe('41');
    parser.push('\n\n');
    expect(parser.lastId).toBe('42');
  });

  it('takes the wait that the server asks for, when it is a number', () => {
    const parser = new SseParser();
    parser.push('retry: soon\nretry: 2500\n');
    expect(parser.retryMs).toBe(2500);
  });
});

describe('the wait before the next attempt', () => {
  it('doubles up to its bound, with a quarter of jitter either way', () => {
    expect(backoffMs(0, 0.5)).toBe(BACKOFF_MS_FIRST);
    expect(backoffMs(3, 0.5)).toBe(8 * BACKOFF_MS_FIRST);
    expect(backoffMs(60, 0)).toBe(0.75 * BACKOFF_MS_MAX);
    expect(backoffMs(60, 1)).toBe(1.25 * BACKOFF_MS_MAX);
  });
});

/** A world whose connections and timers the test moves by hand. */
class Desk {
  readonly asked: (string | undefined)[] = [];
  readonly phases: LivePhase[] = [];
  readonly messages: SseMessage[] = [];
  readonly answers: (Response | Error)[];
  readonly timers = new Map<number, { run: () => void; ms: number }>();
  readonly stream: LiveStream;
  #timer = 0;

  constructor(...answers: (Response | Error)[]) {
    this.answers = answers;
    const world: LiveWorld = {
      fetch: async (_url, init) => {
        this.asked.push((init?.headers as Record<string, string>)['Last-Event-ID']);
        const answer = this.answers.shift();
        if (answer instanceof Response) return answer;
        throw answer ?? new Error('no answer is left');
      },
      now: () => 0,
      random: () => 0.5,
      later: (run, ms) => {
        this.timers.set(++this.#timer, { run, ms });
        return this.#timer;
      },
      cancel: (timer) => void this.timers.delete(timer as number),
    };
    this.stream = new LiveStream(
      '/stream',
      { message: (message) => this.messages.push(message), phase: (phase) => this.phases.push(phase), heard: () => {} },
      { lastId: '' },
      world,
    );
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    await new Promise((done) => setImmediate(done));
  }

  /** Lets the only timer that is running go off; tells how long it was. */
  async elapse(): Promise<number> {
    expect(this.timers.size).toBe(1);
    const [[timer, { run, ms }]] = [...this.timers] as [[number, { run: () => void; ms: number }]];
    this.timers.delete(timer);
    run();
    await this.settle();
    return ms;
  }
}

const events = (text: string): Response => new Response(text, { status: 200, headers: { 'Content-Type': 'text/event-stream' } });

describe('the live stream', () => {
  it('resumes behind the last message it has, and starts its back-off anew once it is heard', async () => {
    const desk = new Desk(new Error('no network'), new Error('no network'), events('id: 5\ndata: a\n\nid: 6\ndata: torn'), events('id: 6\ndata: whole\n\n'));
    desk.stream.start();
    await desk.settle();
    expect(await desk.elapse()).toBe(1000);
    expect(await desk.elapse()).toBe(2000);
    expect(await desk.elapse()).toBe(1000);
    expect(desk.asked).toEqual([undefined, undefined, undefined, '5']);
    expect(desk.stream.resumed).toBe(true);
    expect(desk.messages.map(({ data }) => data)).toEqual(['a', 'whole']);
    expect(desk.phases).toEqual(['connecting', 'waiting', 'connecting', 'waiting', 'connecting', 'live', 'waiting', 'connecting', 'live', 'waiting']);
  });

  it('asks for a login when the centre does, and does not come back by itself', async () => {
    const desk = new Desk(new Response('', { status: 401 }));
    desk.stream.start();
    await desk.settle();
    expect(desk.phases).toEqual(['connecting', 'denied']);
    expect(desk.timers.size).toBe(0);
  });

  it('waits when the centre is broken', async () => {
    const desk = new Desk(new Response('', { status: 503 }), events('data: back\n\n'));
    desk.stream.start();
    await desk.settle();
    expect(desk.phases).toEqual(['connecting', 'waiting']);
    await desk.elapse();
    expect(desk.messages).toHaveLength(1);
  });

  it('takes a silent connection for dead', async () => {
    let cancelled = false;
    const silent = new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), { status: 200 });
    const desk = new Desk(silent);
    desk.stream.start();
    await desk.settle();
    expect(desk.phases).toEqual(['connecting', 'live']);
    await desk.elapse();
    expect(cancelled).toBe(true);
    expect(desk.phases.at(-1)).toBe('waiting');
  });

  it('is quiet once stopped', async () => {
    const desk = new Desk(new Error('no network'));
    desk.stream.start();
    await desk.settle();
    desk.stream.stop();
    expect(desk.timers.size).toBe(0);
    expect(desk.phases.at(-1)).toBe('stopped');
  });
});
