/** Holds the made-up city of `mock/`, and with it the types it is written in, against the centre's contract (`center/openapi.json`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { City } from '../mock/city.ts';
import { SETTINGS, WAYS } from '../mock/plugin.ts';

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
}

const contract = JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8')) as {
  paths: Record<string, Record<string, unknown>>;
  components: { schemas: Record<string, Schema> };
};

/** The name of a value's type as JSON Schema calls it. */
function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function resolve(schema: Schema): Schema {
  if (!schema.$ref) return schema;
  const target = contract.components.schemas[schema.$ref.split('/').at(-1)!];
  if (!target) throw new Error(`the contract has no ${schema.$ref}`);
  return resolve(target);
}

/** A schema with its `allOf` parts folded into it. */
function folded(of: Schema): Schema {
  const schema = resolve(of);
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map(folded);
  return {
    type: 'object',
    properties: Object.assign({}, schema.properties, ...parts.map((part) => part.properties)) as Record<string, Schema>,
    required: [...(schema.required ?? []), ...parts.flatMap((part) => part.required ?? [])],
  };
}

/** What is wrong with a value, with where. Knows the part of JSON Schema that the contract uses. */
function wrongs(value: unknown, of: Schema, at: string): string[] {
  const schema = folded(of);
  if (schema.oneOf) return schema.oneOf.some((one) => wrongs(value, one, at).length === 0) ? [] : [`${at}: is none of its forms: ${JSON.stringify(value)}`];
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  const type = typeOf(value);
  if (types && !types.includes(type) && !(type === 'integer' && types.includes('number'))) return [`${at}: is ${type}, should be ${types.join(' or ')}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: ${String(value)} is not in ${schema.enum.join(', ')}`];
  if (Array.isArray(value)) return value.flatMap((item, i) => (schema.items ? wrongs(item, schema.items, `${at}[${i}]`) : []));
  if (type !== 'object') return [];
  const object = value as Record<string, unknown>;
  return [
    ...(schema.required ?? []).filter((key) => !(key in object)).map((key) => `${at}.${key}: is missing`),
    ...Object.entries(object).flatMap(([key, inner]) => {
      const rule = schema.properties?.[key] ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
      if (rule) return wrongs(inner, rule, `${at}.${key}`);
      return schema.properties ? [`${at}.${key}: is not in the contract`] : [];
    }),
  ];
}

const check = (value: unknown, name: string): string[] => wrongs(value, { $ref: `#/components/schemas/${name}` }, name);

const NOW = Date.parse('2026-11-21T10:00:00Z');
const city = new City(NOW);
const all = [...city.incidents(true), ...city.incidents(false)];

describe('the contract', () => {
  it('is what the made-up city keeps to', () => {
    expect(all.length).toBeGreaterThan(5);
    expect(all.flatMap((incident) => check(city.detail(incident.id), 'IncidentDetail'))).toEqual([]);
    expect([...city.cameras.values()].flatMap((camera) => check(camera, 'Camera'))).toEqual([]);
    expect(city.edges().flatMap((edge) => check(edge, 'Edge'))).toEqual([]);
    expect(city.measurements('bach-dang', NOW).flatMap((measurement) => check(measurement, 'Measurement'))).toEqual([]);
    expect(check(city.alarmLoad(NOW), 'AlarmLoad')).toEqual([]);
    expect(check(SETTINGS, 'Settings')).toEqual([]);
    expect(check(WAYS, 'LoginWays')).toEqual([]);
  });

  it('would be seen to be broken', () => {
    const incident = all[0]!;
    expect(check({ ...incident, severity: 'awful' }, 'Incident')).toHaveLength(1);
    expect(check({ ...incident, began: 7 }, 'Incident')).toHaveLength(1);
    expect(check({ ...incident, mood: 'calm' }, 'Incident')).toHaveLength(1);
    const { state: _state, ...without } = incident;
    expect(check(without, 'Incident')).toHaveLength(1);
    expect(check({ ...city.detail(incident.id)!.events[0]!, detail: { about: 'weather' } }, 'Event')).toHaveLength(1);
  });

  it('has every path that the console calls', () => {
    const source = readFileSync(join(import.meta.dirname, '../src/lib/api.ts'), 'utf8');
    const called = [...source.matchAll(/#(?:call\('(\w+)', |act\()(?:'([^']+)'|`([^`]+)`)/g)].map(([, method = 'POST', plain, made]) => {
      const path = (plain ?? made)!.replace(/\?.*$/, '').replace(/\$\{\w+\}/g, '{}');
      return `${method!.toLowerCase()} /api/v1${path}`;
    });
    expect(called.length).toBeGreaterThan(10);
    const offered = Object.entries(contract.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`));
    expect(called.filter((call) => !offered.includes(call))).toEqual([]);
    expect(offered).toContain('get /api/v1/stream');
  });
});
