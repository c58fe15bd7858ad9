/**
 * Instants and spans as people read them.
 *
 * The control room is in Vietnam whatever the browser's time zone says: every instant is shown in +07:00. Vietnam has no
 * daylight saving, so the offset is the zone.
 */

/** Minutes that Vietnam is ahead of UTC. */
const OFFSET_MIN = 7 * 60;

export type Lang = 'vi' | 'en';

const two = (n: number): string => String(n).padStart(2, '0');

const MONTHS_EN = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Milliseconds since 1970 of an RFC 3339 text; `NaN` when it is none. */
export function parseInstant(text: string | null | undefined): number {
  return text ? Date.parse(text) : Number.NaN;
}

/** A Date whose UTC fields read as the clock on the wall in Vietnam. */
function wall(ms: number): Date {
  return new Date(ms + OFFSET_MIN * 60_000);
}

/** `15:04:05`. */
export function clock(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const d = wall(ms);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}

/** `21/11/2026` in Vietnamese, `21 Nov 2026` in English. */
export function day(ms: number, lang: Lang): string {
  if (!Number.isFinite(ms)) return '–';
  const d = wall(ms);
  const [y, m, dd] = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()];
  return lang === 'vi' ? `${two(dd)}/${two(m + 1)}/${y}` : `${dd} ${MONTHS_EN[m]} ${y}`;
}

/** Time alone for today's instants, with the day for others. `now` decides what today is. */
export function instant(ms: number, now: number, lang: Lang): string {
  if (!Number.isFinite(ms)) return '–';
  const sameDay = Math.floor((ms + OFFSET_MIN * 60_000) / 86_400_000) === Math.floor((now + OFFSET_MIN * 60_000) / 86_400_000);
  return sameDay ? clock(ms) : `${clock(ms)} ${day(ms, lang)}`;
}

/** The instant in full, for tool tips: `15:04:05 21/11/2026 (+07:00)`. */
export function instantFull(ms: number, lang: Lang): string {
  return Number.isFinite(ms) ? `${clock(ms)} ${day(ms, lang)} (+07:00)` : '–';
}

const UNITS = {
  vi: { s: ' giây', min: ' phút', h: ' giờ', d: ' ngày' },
  en: { s: ' s', min: ' min', h: ' h', d: ' d' },
} as const;

/** What is left until something: by the second where minutes count (`1:52`), coarse before. */
export function countdown(ms: number, lang: Lang): string {
  const s = Math.floor(ms / 1000);
  return s >= 60 && s < 600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : span(ms, lang);
}

/** A span, coarse enough to read at a glance: `8 giây`, `3 phút`, `2 giờ 05`, `4 ngày`. Negative spans count as none. */
export function span(ms: number, lang: Lang): string {
  if (!Number.isFinite(ms)) return '–';
  const unit = UNITS[lang];
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${unit.s}`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min}${unit.min}`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h}${unit.h}` : `${h}${unit.h} ${two(min % 60)}`;
  return `${Math.floor(h / 24)}${unit.d}`;
}
