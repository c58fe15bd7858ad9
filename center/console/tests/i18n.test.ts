import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KEYS } from '../src/lib/keys.ts';
import { GROUPS, KINDS } from '../src/lib/kinds.ts';
import { CAMERA_MARKS, SEVERITY_MARKS } from '../src/lib/marks.ts';
import { TABS } from '../src/lib/route.ts';
import en from '../src/i18n/en.json';
import vi from '../src/i18n/vi.json';

const SOURCES = join(import.meta.dirname, '../src');

function sources(folder = SOURCES): string {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'i18n' ? '' : sources(path);
      return /\.(ts|svelte)$/.test(entry.name) ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

/** The words of an enum of the contract. */
function wordsOf(schema: string): string[] {
  const contract = JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8')) as { components: { schemas: Record<string, { enum?: string[]; oneOf?: { enum?: string[] }[] }> } };
  const of = contract.components.schemas[schema]!;
  const words = of.enum ?? (of.oneOf ?? []).flatMap((one) => one.enum ?? []);
  if (words.length === 0) throw new Error(`${schema} has no words`);
  return words;
}

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();

describe('the words of the console', () => {
  it('are the same keys in both languages, with the same places to fill', () => {
    expect(Object.keys(en)).toEqual(Object.keys(vi));
    for (const [key, text] of Object.entries(vi)) expect([key, places((en as Record<string, string>)[key]!)]).toEqual([key, places(text)]);
  });

  it('are there for every key that the sources name', () => {
    const named = [...sources().matchAll(/\bt\(\s*'([^']+)'/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(80);
    expect(named.filter((key) => !(key in vi))).toEqual([]);
  });

  it('are there for everything that the centre may say', () => {
    const made = [
      ...KINDS.flatMap((kind) => [`kind.${kind}`, `rule.${kind}`]),
      ...GROUPS.map((group) => `group.${group}`),
      ...Object.keys(SEVERITY_MARKS).map((severity) => `severity.${severity}`),
      ...Object.keys(CAMERA_MARKS).map((state) => `camera.${state}`),
      ...['new', 'acknowledged', 'dispatched', 'resolved', 'false_alarm'].map((state) => `state.${state}`),
      ...['resolved', 'false_alarm', 'duplicate', 'no_action', 'recovered', 'retracted'].map((reason) => `reason.${reason}`),
      ...['clear', 'suspected', 'present', 'unknown'].map((judgement) => `judgement.${judgement}`),
      ...wordsOf('LogAction').map((what) => `log.${what}`),
      ...wordsOf('Family').map((family) => `family.${family}`),
      ...wordsOf('FalseReason').map((reason) => `false.${reason}`),
      ...wordsOf('Certainty').map((certainty) => `certainty.${certainty}`),
      ...wordsOf('Priority').map((priority) => `priority.${priority}`),
      ...['unauthorized', 'wrong_login', 'too_many_attempts', 'oidc_unavailable', 'oidc_stale', 'oidc_denied', 'oidc_invalid', 'oidc_nameless', 'oidc_unknown', 'oidc_taken', 'not_found', 'conflict', 'changed', 'key_reused', 'bad_request', 'forbidden', 'too_large', 'unavailable', 'internal', 'network', 'timeout'].map((code) => `error.${code}`),
      ...TABS.map((tab) => `nav.${tab}`),
      ...KEYS.map(({ command }) => `key.${command}`),
    ];
    expect(made.filter((key) => !(key in vi))).toEqual([]);
  });

  it('are all used', () => {
    const text = sources();
    // Keys that are made at run time are named in the sources up to their first changing part.
    const prefixes = [...text.matchAll(/`([a-z_.]+\.)\$\{/g)].map((match) => match[1]!);
    const unused = Object.keys(vi).filter((key) => !text.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });

  it('are composed, so that a font draws their marks right', () => {
    for (const text of Object.values(vi)) expect(text).toBe(text.normalize('NFC'));
  });
});
