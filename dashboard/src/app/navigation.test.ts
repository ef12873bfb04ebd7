import { expect, it } from 'vitest';
import type { Caller } from '@/api/scopes';
import { ENTRIES, offered, startOf } from './navigation';

const caller = (...scopes: string[]): Caller => ({
  tenantId: 'ten_a',
  subject: 'user_a',
  scopes: new Set(scopes),
});

it('offers what the scopes open, and nothing to nobody', () => {
  const labels = offered(ENTRIES, caller('talk', 'documents:read')).map((entry) => entry.label);
  expect(labels).toEqual(['nav.talk', 'documents.title', 'collections.title']);
  expect(offered(ENTRIES, null)).toEqual([]);
});

it('begins at the first page of its own', () => {
  expect(startOf(ENTRIES, caller('talk', 'documents:read'))).toBe('/talk');
  expect(startOf(ENTRIES, caller('pii:reveal'))).toBeNull();
});
