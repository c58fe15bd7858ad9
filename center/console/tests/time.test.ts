import { describe, expect, it } from 'vitest';
import { clock, countdown, day, instant, instantFull, parseInstant, span } from '../src/lib/time.ts';

const ms = Date.parse('2026-11-21T17:30:05.250Z');

describe('instants', () => {
  it('are shown in Vietnam, whatever the zone of the browser', () => {
    // The tests run with TZ=America/New_York: see vite.config.ts.
    expect(new Date(ms).getHours()).toBe(12);
    expect(clock(ms)).toBe('00:30:05');
    expect(day(ms, 'vi')).toBe('22/11/2026');
    expect(day(ms, 'en')).toBe('22 Nov 2026');
    expect(instantFull(ms, 'en')).toBe('00:30:05 22 Nov 2026 (+07:00)');
  });

  it('carry their day unless it is today there', () => {
    expect(instant(ms, ms + 3_600_000, 'vi')).toBe('00:30:05');
    expect(instant(ms, Date.parse('2026-11-21T16:59:59Z'), 'vi')).toBe('00:30:05 22/11/2026');
  });

  it('that are none are a dash', () => {
    for (const text of [undefined, '', 'yesterday']) expect(clock(parseInstant(text))).toBe('–');
  });
});

describe('spans', () => {
  it('grow coarser as they grow', () => {
    const said = [-5, 0, 59, 60, 3599, 3600, 3660, 86_399, 86_400, 200_000].map((s) => span(s * 1000, 'en'));
    expect(said).toEqual(['0 s', '0 s', '59 s', '1 min', '59 min', '1 h', '1 h 01', '23 h 59', '1 d', '2 d']);
    expect(span(125_000, 'vi')).toBe('2 phút');
  });

  it('that run out count the seconds where minutes count', () => {
    expect([59, 60, 112, 599, 600].map((s) => countdown(s * 1000, 'en'))).toEqual(['59 s', '1:00', '1:52', '9:59', '10 min']);
  });
});
