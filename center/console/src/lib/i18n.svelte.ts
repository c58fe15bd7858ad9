/** Words of the console in the language the operator chose; Vietnamese unless told otherwise, remembered in the browser. */
import en from '../i18n/en.json';
import vi from '../i18n/vi.json';
import type { Lang } from './time.ts';

export type Key = keyof typeof vi;
export type Vars = Record<string, string | number>;

const WORDS: Record<Lang, Record<string, string>> = { vi, en };
const REMEMBERED = 'matpho.lang';

function remembered(): Lang {
  try {
    return localStorage.getItem(REMEMBERED) === 'en' ? 'en' : 'vi';
  } catch {
    return 'vi';
  }
}

class Language {
  current = $state<Lang>(remembered());

  set(lang: Lang): void {
    this.current = lang;
    document.documentElement.lang = lang;
    try {
      localStorage.setItem(REMEMBERED, lang);
    } catch {
      // A browser that keeps nothing: the choice lasts until the page is left.
    }
  }
}

export const language = new Language();

/** Puts `vars` in the place of `{name}`. */
export function fill(text: string, vars: Vars = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in vars ? String(vars[name]) : whole));
}

/** The words for `key` in the current language. */
export function t(key: Key, vars?: Vars): string {
  return fill(WORDS[language.current][key] ?? key, vars);
}

/** The words for a key that is made at run time (a kind, a metric), or `otherwise` where there are none. */
export function tOr(key: string, otherwise: string, vars?: Vars): string {
  const words = WORDS[language.current][key];
  return words === undefined ? otherwise : fill(words, vars);
}

/** A camera's state with its reason, where that says more than the state. */
export function stateWords(camera: { state: string; reason?: string }): string {
  const state = tOr(`camera.${camera.state}`, camera.state);
  const reason = camera.reason && camera.reason !== camera.state ? tOr(`camera.reason.${camera.reason}`, camera.reason) : '';
  return reason ? `${state} · ${reason}` : state;
}

/** Numbers as the language writes them: `1.234,5` in Vietnamese, `1,234.5` in English. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(language.current === 'vi' ? 'vi-VN' : 'en-GB', {
    minimumFractionDigits: 0,
    maximumFractionDigits: digits,
  });
}

/** A share of 0 to 1 as per cent. */
export function percent(share: number): string {
  return `${number(share * 100)} %`;
}
