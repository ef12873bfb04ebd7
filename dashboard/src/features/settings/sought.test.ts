import { expect, it } from 'vitest';
import type { Area, Setting } from './queries';
import { found } from './sought';

const setting = (name: string, more: Partial<Setting> = {}): Setting => ({
  name,
  variable: `VOICEAGENT_${name.replace('.', '__').toUpperCase()}`,
  meaning: 'What it means.',
  value: '',
  is_set: false,
  default: '',
  source: 'default',
  place: '',
  ...more,
});
const AREAS: readonly Area[] = [
  {
    name: 'server',
    meaning: '',
    settings: [setting('server.host'), setting('server.drain_s', { source: 'file' })],
  },
  {
    name: 'cache',
    meaning: '',
    settings: [setting('cache.url', { source: 'flag', value: 'redis://***@host' })],
  },
];
const names = (areas: readonly Area[]) => areas.flatMap((area) => area.settings.map((one) => one.name));

it('finds by every word, wherever it stands, and leaves out areas without anything', () => {
  expect(names(found(AREAS, {}))).toEqual(['server.host', 'server.drain_s', 'cache.url']);
  expect(names(found(AREAS, { q: ' REDIS  cache ' }))).toEqual(['cache.url']);
  expect(found(AREAS, { q: 'redis host' })).toHaveLength(1);
  expect(found(AREAS, { q: 'redis drain' })).toEqual([]);
});

it('finds by area and by where the value comes from', () => {
  expect(names(found(AREAS, { area: 'server' }))).toEqual(['server.host', 'server.drain_s']);
  expect(names(found(AREAS, { source: 'changed' }))).toEqual(['server.drain_s', 'cache.url']);
  expect(names(found(AREAS, { source: 'flag' }))).toEqual(['cache.url']);
});
