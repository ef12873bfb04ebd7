import { expect, it } from 'vitest';
import type { Key } from './queries';
import { standingOf } from './standing';

const KEY: Key = {
  key_id: 'key_1',
  name: 'a',
  prefix: 'va_1',
  scopes: ['talk'],
  user_id: '',
  created_at: '2026-01-01T00:00:00Z',
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
};
const NOW = new Date('2026-06-01T00:00:00Z');

it('tells keys that work from those that do not', () => {
  expect(standingOf(KEY, NOW)).toBe('valid');
  expect(standingOf({ ...KEY, expires_at: '2026-06-01T00:00:01Z' }, NOW)).toBe('valid');
  expect(standingOf({ ...KEY, expires_at: '2026-06-01T00:00:00Z' }, NOW)).toBe('expired');
  expect(standingOf({ ...KEY, revoked_at: '2026-05-01T00:00:00Z' }, NOW)).toBe('revoked');
});
