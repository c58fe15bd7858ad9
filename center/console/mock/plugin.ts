/** Lets the development server answer like a centre, over {@link City}. Any name with the password `matpho` is let in. */
import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import type { FalseReason, LoginWays, Settings } from '../src/lib/types.ts';
import { City } from './city.ts';
import { picture } from './pictures.ts';

export const SETTINGS: Settings = {
  version: '0.1.0-mock',
  map: { center: [106.6626, 10.9805], zoom: 13.2 },
  hotlines: [
    { number: '112', name_vi: 'Tìm kiếm cứu nạn', name_en: 'Rescue', kinds: [] },
    { number: '113', name_vi: 'Công an', name_en: 'Police', kinds: ['traffic'] },
    { number: '114', name_vi: 'Chữa cháy', name_en: 'Fire brigade', kinds: ['fire', 'flood'] },
    { number: '115', name_vi: 'Cấp cứu', name_en: 'Ambulance', kinds: [] },
    { number: '1022', name_vi: 'Tổng đài thông tin', name_en: 'City hotline', kinds: ['traffic', 'flood'] },
  ],
  agencies: [
    { id: 'pccc', name: 'Cảnh sát PCCC và CNCH', telephone: '114', kinds: ['fire.flame', 'fire.smoke'] },
    { id: 'csgt', name: 'Cảnh sát giao thông', telephone: '113', kinds: ['traffic.congestion', 'traffic.stopped_vehicle', 'traffic.wrong_way', 'traffic.pedestrian'] },
    { id: '115', name: 'Cấp cứu 115', telephone: '115', kinds: [] },
  ],
  heartbeat_s: 5,
};

/** Its provider lets everybody in at once. */
export const WAYS: LoginWays = { provider: { name_vi: 'Tài khoản công vụ', name_en: 'Government account', url: '/api/v1/session/oidc' } };

const COOKIE = 'matpho_mock';
/** So many messages are kept for those who come back. */
const KEPT = 300;

class Centre {
  readonly #city = new City(Date.now());
  readonly #listeners = new Set<ServerResponse>();
  #log: { id: number; text: string }[] = [];
  #sequence = 0;

  constructor() {
    this.#city.onChange = (event, data) => this.#publish(event, data);
    const every = (ms: number, run: () => void): void => void setInterval(run, ms).unref();
    every(5_000, () => this.#write(': heartbeat\n\n'));
    const names = [...this.#city.cameras.keys()];
    let turn = 0;
    every(1_200, () => this.#city.look(names[turn++ % names.length]!));
    let story = 0;
    const coming = ['wrongWay', 'stopped', 'fire', 'flood', 'jam'];
    every(45_000, () => {
      if (this.#city.incidents(true).length < 9) this.#city.happen(coming[story++ % coming.length]!, Date.now() - 8_000);
    });
    let flip = false;
    every(20_000, () => {
      flip = !flip;
      this.#city.setState('suoi-giua', flip ? 'live' : 'stale');
    });
  }

  #publish(event: string, data: unknown): void {
    const text = `id: ${++this.#sequence}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#log = [...this.#log.slice(-KEPT), { id: this.#sequence, text }];
    this.#write(text);
  }

  #write(text: string): void {
    for (const listener of this.#listeners) listener.write(text);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://mock');
    const path = pathname.replace(/^\/api\/v1/, '');
    const route = `${request.method} ${path}`;
    const user = decodeURIComponent(/(?:^|; )matpho_mock=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '');
    if (route === 'POST /session') {
      const { name, password } = (await body(request)) as { name: string; password: string };
      if (password !== 'matpho') return problem(response, 401, 'wrong_login', 'name or password is wrong');
      response.setHeader('Set-Cookie', `${COOKIE}=${encodeURIComponent(name)}; Path=/; HttpOnly; SameSite=Strict`);
      return json(response, { name, role: 'operator' });
    }
    if (route === 'GET /session/ways') return json(response, WAYS);
    if (route === 'GET /session/oidc') {
      response.setHeader('Set-Cookie', `${COOKIE}=hoa.provider; Path=/; HttpOnly; SameSite=Strict`);
      response.writeHead(303, { Location: '/' });
      return void response.end();
    }
    if (!user) return problem(response, 401, 'unauthorized', 'log in first');
    const part = path.split('/').slice(1).map(decodeURIComponent);
    switch (`${request.method} ${part[0]}`) {
      case 'GET me':
        return json(response, { name: user, role: 'operator' });
      case 'DELETE session':
        response.setHeader('Set-Cookie', `${COOKIE}=; Path=/; Max-Age=0`);
        response.statusCode = 204;
        return void response.end();
      case 'GET settings':
        return json(response, SETTINGS);
      case 'GET stream':
        return this.#stream(request, response);
      case 'GET incidents':
        if (part[1]) return this.#detail(response, part[1]);
        return this.#list(response, searchParams);
      case 'POST incidents':
        return this.#act(request, response, part[1]!, part[2]!, user);
      case 'GET alarm-load':
        return json(response, part[1] === 'now' ? { raised: 5, operators: 1 } : this.#city.alarmLoad());
      case 'GET shelves':
        return json(response, []);
      case 'GET cameras':
        if (part[3]?.startsWith('picture')) return this.#cameraPicture(response, part[2]!, searchParams.get('at'));
        return json(response, [...this.#city.cameras.values()]);
      case 'GET measurements':
        return json(response, { items: this.#city.measurements(searchParams.get('camera') ?? '') });
      case 'GET edges':
        return json(response, this.#city.edges());
      case 'GET evidence':
        return this.#evidence(response, part[1]!.replace('.jpg', ''));
      case 'POST clips':
        return this.#requestClip(response, part[1]!, user);
      case 'GET clips':
        return testClip(response);
      default:
        return problem(response, 404, 'not_found', `${route} is not mocked`);
    }
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(`event: hello\ndata: ${JSON.stringify({ version: SETTINGS.version, sequence: this.#sequence })}\n\n`);
    const last = Number(request.headers['last-event-id'] ?? Number.NaN);
    if (Number.isFinite(last)) {
      const missed = this.#log.filter(({ id }) => id > last);
      if (last > this.#sequence || this.#sequence - last > missed.length) response.write(`id: ${this.#sequence}\nevent: reset\ndata: {"sequence":${this.#sequence}}\n\n`);
      else for (const { text } of missed) response.write(text);
    }
    this.#listeners.add(response);
    request.on('close', () => this.#listeners.delete(response));
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    const kind = query.get('kind') ?? '';
    const items = this.#city.incidents(query.get('state') !== 'closed').filter((incident) => incident.kind.startsWith(kind));
    json(response, { items });
  }

  #detail(response: ServerResponse, id: string): void {
    const detail = this.#city.detail(id);
    if (detail) json(response, detail);
    else problem(response, 404, 'not_found', `there is no incident ${id}`);
  }

  async #act(request: IncomingMessage, response: ServerResponse, id: string, verb: string, user: string): Promise<void> {
    if (!this.#city.detail(id)) return problem(response, 404, 'not_found', `there is no incident ${id}`);
    const given = (await body(request)) as { reason?: 'resolved'; false_reason?: FalseReason; agency?: string; note?: string };
    let done = true;
    if (verb === 'acknowledge') done = this.#city.acknowledge(id, user);
    else if (verb === 'close') done = this.#city.close(id, user, given.reason ?? 'resolved', given.note, Date.now(), given.false_reason);
    else if (verb === 'dispatch') done = this.#city.dispatch(id, user, given.agency ?? '', given.note);
    else if (verb === 'reopen') done = this.#city.reopen(id, user, given.note ?? '');
    else this.#city.note(id, user, given.note ?? '');
    const { incident } = this.#city.detail(id)!;
    if (done) json(response, incident);
    else problem(response, 409, 'conflict', 'somebody was quicker', incident);
  }

  #cameraPicture(response: ServerResponse, camera: string, at: string | null): void {
    const known = this.#city.cameras.get(camera);
    if (!known?.picture) return problem(response, 404, 'not_found', 'no picture yet');
    const seen = at ? new Date(Number(at)).toISOString() : known.picture.seen;
    svg(response, picture({ seed: seed(camera), name: known.name, at: seen, kind: this.#city.seenBy(camera), night: known.state === 'blind' }));
  }

  #evidence(response: ServerResponse, event: string): void {
    const found = this.#city.story(event);
    if (!found) return problem(response, 404, 'not_found', 'no such picture');
    const { story, seen, name } = found;
    svg(response, picture({ seed: seed(story.camera), name, at: seen, kind: story.kind, region: story.region }));
  }

  #requestClip(response: ServerResponse, event: string, user: string): void {
    if (!this.#city.clip(event, 'requested', user)) return problem(response, 404, 'not_found', 'no such event');
    setTimeout(() => this.#city.clip(event, 'ready', 'matpho-center'), 3000);
    json(response, { state: 'requested' });
  }
}

function seed(text: string): number {
  return [...text].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 9973;
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(value));
}

function svg(response: ServerResponse, text: string): void {
  response.setHeader('Content-Type', 'image/svg+xml');
  response.end(text);
}

function problem(response: ServerResponse, status: number, code: string, detail: string, incident?: unknown): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/problem+json');
  response.end(JSON.stringify({ type: 'about:blank', title: code, status, code, detail, ...(incident ? { incident } : {}) }));
}

async function body(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

/** A moving test picture, where ffmpeg is installed. */
function testClip(response: ServerResponse): void {
  const ffmpeg = spawn('ffmpeg', '-v error -f lavfi -i testsrc2=size=640x360:rate=25:duration=8 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -movflags frag_keyframe+empty_moov -f mp4 -'.split(' '));
  const parts: Buffer[] = [];
  ffmpeg.on('error', () => problem(response, 503, 'unavailable', 'the mock needs ffmpeg for clips'));
  ffmpeg.stdout.on('data', (part: Buffer) => parts.push(part));
  ffmpeg.on('close', () => {
    if (response.writableEnded) return;
    response.setHeader('Content-Type', 'video/mp4');
    response.end(Buffer.concat(parts));
  });
}

/** What the real centre forbids a page; the mock forbids it too, in the preview of what was built. */
export const CSP =
  "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; worker-src 'self'; connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

export function mockCentre(): Plugin {
  const serve = (use: (path: string, handler: (request: IncomingMessage, response: ServerResponse) => void) => void): void => {
    const centre = new Centre();
    use('/api/v1', (request, response) => {
      // Connect strips the prefix; the centre's paths have it.
      request.url = `/api/v1${request.url ?? ''}`;
      centre.answer(request, response).catch((error: unknown) => problem(response, 500, 'internal', String(error)));
    });
  };
  return {
    name: 'mock-centre',
    configureServer: (server) => serve((path, handler) => server.middlewares.use(path, handler)),
    configurePreviewServer: (server) => {
      server.middlewares.use((_request, response, next) => {
        response.setHeader('Content-Security-Policy', CSP);
        next();
      });
      serve((path, handler) => server.middlewares.use(path, handler));
    },
  };
}
