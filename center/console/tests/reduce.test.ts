import { describe, expect, it } from 'vitest';
import { City } from '../mock/city.ts';
import { rows } from '../src/lib/flood.ts';
import { byUrgency, folded, neighbour } from '../src/lib/order.ts';
import { apply, putIncident, replaceAll, type CityMaps } from '../src/lib/reduce.ts';
import { matches, searchText } from '../src/lib/search.ts';
import type { Camera, Incident } from '../src/lib/types.ts';

const NOW = Date.parse('2026-11-21T10:00:00Z');
const city = new City(NOW);
const open = city.incidents(true);
const fire = open.find((incident) => incident.kind === 'fire.flame')!;
const jam = open.find((incident) => incident.kind === 'traffic.congestion')!;

const maps = (): CityMaps => ({ incidents: new Map(), cameras: new Map(), edges: new Map() });
const later = (incident: Incident, change: Partial<Incident>): Incident => ({
  ...incident,
  updated: new Date(Date.parse(incident.updated) + 1000).toISOString(),
  ...change,
});
const message = (event: string, data: unknown, id = '1') => ({ event, data: typeof data === 'string' ? data : JSON.stringify(data), id });

describe('an incident on the stream', () => {
  it('sounds once, however often it comes', () => {
    const desk = maps();
    expect(apply(desk, message('incident', fire)).alarm?.id).toBe(fire.id);
    expect(apply(desk, message('incident', fire)).alarm).toBeUndefined();
    expect(apply(desk, message('incident', later(fire, { event_count: 2 }))).alarm).toBeUndefined();
  });

  it('sounds when it becomes grave, and not when somebody has it', () => {
    const desk = maps();
    const small = { ...fire, severity: 'minor' as const };
    expect(apply(desk, message('incident', small)).alarm).toBeUndefined();
    expect(apply(desk, message('incident', later(small, { severity: 'severe' }))).alarm?.id).toBe(fire.id);
    expect(putIncident(maps(), { ...fire, state: 'acknowledged' }).alarm).toBeUndefined();
  });

  it('is told to nobody when it is history or silenced', () => {
    expect(putIncident(maps(), { ...fire, late: true }).alarm).toBeUndefined();
    const silent = { ...fire, shelved_until: '2026-11-21T11:00:00.000Z' };
    const desk = maps();
    expect(putIncident(desk, silent).alarm).toBeUndefined();
    const { shelved_until: _until, ...heard } = silent;
    expect(putIncident(desk, later(heard, {})).alarm?.id).toBe(fire.id);
    expect([fire, silent, jam].sort(byUrgency).at(-1)).toBe(silent);
  });

  it('does not stand before what goes on now when it was over before it came', () => {
    const { promise: _promise, ...grave } = fire;
    const history: Incident = { ...grave, id: 'h', late: true, ongoing: false };
    const low: Incident = { ...jam, id: 'n', state: 'new', severity: 'minor' };
    const taken: Incident = { ...jam, id: 't', state: 'acknowledged' };
    expect([history, low, taken].sort(byUrgency).map(({ id }) => id)).toEqual(['n', 't', 'h']);
    expect([low, { ...history, ongoing: true }].sort(byUrgency)[0]?.id, 'what still goes on came late, and presses all the same').toBe('h');
  });

  it('is rolled up in a flood, unless it matters most or somebody has it', () => {
    const low = (id: string, change: Partial<Incident> = {}): Incident => ({ ...fire, id, priority: 'low', ...change });
    const list = [fire, low('a'), low('b', { kind: 'flood.street' }), low('c'), low('d', { state: 'acknowledged' })];
    expect(rows(list, false).map(({ incidents }) => incidents.length)).toEqual([1, 1, 1, 1, 1]);
    expect(rows(list, true).map(({ incidents }) => incidents.map(({ id }) => id))).toEqual([[fire.id], ['a', 'c'], ['b'], ['d']]);
  });

  it('never falls back behind what is known', () => {
    const desk = maps();
    const taken = later(fire, { state: 'acknowledged' });
    apply(desk, message('incident', taken));
    expect(apply(desk, message('incident', fire))).toEqual({});
    expect(desk.incidents.get(fire.id)?.state).toBe('acknowledged');
  });

  it('leaves when it is closed', () => {
    const desk = maps();
    apply(desk, message('incident', fire));
    apply(desk, message('incident', later(fire, { state: 'false_alarm' })));
    expect(desk.incidents.size).toBe(0);
  });
});

describe('a camera on the stream', () => {
  const camera = city.cameras.get('yersin')!;
  const at = (s: number): string => new Date(NOW + s * 1000).toISOString();
  const seen = (s: number): NonNullable<Camera['picture']> => ({ ...camera.picture!, seen: at(s), url: `/p?at=${s}` });

  it('keeps the newest picture and the newest state, whichever comes first', () => {
    const desk = maps();
    apply(desk, message('picture', seen(5)));
    expect(desk.cameras.size).toBe(0);
    apply(desk, message('camera', { ...camera, picture: seen(10), said: at(10) }));
    apply(desk, message('picture', seen(20)));
    apply(desk, message('picture', seen(15)));
    apply(desk, message('camera', { ...camera, state: 'lost', picture: seen(12), said: at(25) }));
    apply(desk, message('camera', { ...camera, state: 'live', said: at(24) }));
    const now = [...desk.cameras.values()];
    expect(now.map(({ state, picture }) => [state, picture?.url])).toEqual([['lost', '/p?at=20']]);
  });
});

describe('what the stream says beside', () => {
  it('is obeyed or passed over, never an error', () => {
    const desk = maps();
    expect(apply(desk, message('reset', { sequence: 7 }))).toEqual({ resync: true });
    expect(apply(desk, message('hello', { version: '2', sequence: 7 }))).toEqual({ version: '2' });
    for (const odd of ['', '{', 'null', '[]', '7']) for (const event of ['incident', 'camera', 'picture', 'hello', 'weather']) expect(apply(desk, message(event, odd))).toEqual({});
    expect(desk.incidents.size + desk.cameras.size + desk.edges.size).toBe(0);
  });
});

describe('reading the lists anew', () => {
  it('drops what is gone, and tells of what came meanwhile', () => {
    const desk = maps();
    replaceAll(desk, open, [...city.cameras.values()], city.edges());
    const without = open.filter((incident) => incident.id !== jam.id);
    const more = { ...fire, id: `${fire.id}-2` };
    expect(replaceAll(desk, [...without, more], [city.cameras.get('yersin')!], []).map(({ id }) => id)).toEqual([more.id]);
    expect(desk.incidents.has(jam.id)).toBe(false);
    expect(desk.cameras.size).toBe(1);
    expect(desk.edges.size).toBe(0);
  });
});

describe('the order of the list', () => {
  it('puts what nobody has first, then the grave, then the new', () => {
    const row = (id: string, state: 'new' | 'acknowledged', severity: Incident['severity'], minute: number): Incident => ({
      ...fire,
      id,
      state,
      severity,
      opened: new Date(NOW + minute * 60_000).toISOString(),
    });
    const rows = [row('d', 'acknowledged', 'extreme', 9), row('b', 'new', 'severe', 1), row('a', 'new', 'severe', 2), row('c', 'new', 'minor', 5)];
    expect(rows.sort(byUrgency).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is walked by keys without falling off its ends', () => {
    const rows = ['a', 'b', 'c'];
    expect([neighbour(rows, undefined, 1), neighbour(rows, 'a', 1), neighbour(rows, 'c', 1), neighbour(rows, 'a', -1), neighbour(rows, 'gone', 1), neighbour([], 'a', 1)]).toEqual(['a', 'b', 'c', 'a', 'a', undefined]);
  });
});

describe('the search', () => {
  it('needs no marks, and knows both languages', () => {
    const text = searchText(jam);
    expect(folded('Ngã tư Chợ Đình')).toBe('nga tu cho dinh');
    for (const query of ['cho dinh', 'Đình', 'congestion', 'un tac', 'LAN.NGUYEN', '  ', 'lan tac']) expect([query, matches(text, query)]).toEqual([query, true]);
    for (const query of ['yersin', 'chay', 'cho x']) expect([query, matches(text, query)]).toEqual([query, false]);
  });
});
