/** WCAG 2.2 AA: 4.5 to 1 for words, 3 to 1 for shapes, on every ground that they stand on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(join(import.meta.dirname, '../src/app.css'), 'utf8');
const tokens = new Map([...css.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]));

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(tokens.get(a) ?? a), luminance(tokens.get(b) ?? b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const SEVERITIES = ['extreme', 'severe', 'moderate', 'minor'];
const STATES = ['live', 'stale', 'lost', 'blind', 'moved', 'unknown'];
const GROUNDS = ['bg', 'panel', 'raised'];

describe('contrast', () => {
  const tooLow = (pairs: string[][], least: number): string[] => pairs.filter(([a, b]) => !(contrast(a!, b!) >= least)).map(([a, b]) => `${a} on ${b}: ${contrast(a!, b!).toFixed(2)}`);
  const cross = (a: string[], b: string[]): string[][] => a.flatMap((x) => b.map((y) => [x, y]));

  it('is measured right', () => {
    expect(contrast('#ffffff', '#000000')).toBeCloseTo(21);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });

  it('of words is enough', () => {
    const chips = SEVERITIES.map((severity) => ['#14100a', severity]);
    const rows = SEVERITIES.flatMap((severity) => [['text', `${severity}-bg`], ['text-2', `${severity}-bg`]]);
    expect(tooLow([...cross(['text', 'text-2', 'text-3', ...SEVERITIES, ...STATES], GROUNDS), ...cross(['text', 'text-2'], ['hover', 'selected']), ['text', 'line-strong'], ...chips, ...rows], 4.5)).toEqual([]);
  });

  it('of shapes and of the focus is enough', () => {
    expect(tooLow([...cross([...SEVERITIES, ...STATES, 'focus'], [...GROUNDS, 'selected', '#14191d']), ...SEVERITIES.map((severity) => [severity, `${severity}-bg`])], 3)).toEqual([]);
  });
});
