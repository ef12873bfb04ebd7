import { expect, it } from 'vitest';
import { type Caller, OPERATOR_TENANT_ID } from '@/api/scopes';
import { ENTRIES, offered, startOf } from './navigation';

const caller = (...scopes: string[]): Caller => ({
  tenantId: 'ten_a',
  subject: 'user_a',
  email: null,
  scopes: new Set(scopes),
});

it('offers what the scopes open, and nothing to nobody', () => {
  const labels = offered(ENTRIES, caller('talk', 'documents:read')).map((entry) => entry.label);
  expect(labels).toEqual(['nav.talk', 'documents.title', 'collections.title']);
  expect(offered(ENTRIES, null)).toEqual([]);
});

it('offers what is one for all organisations to the one that runs the platform', () => {
  const labels = (one: Caller) => offered(ENTRIES, one).map((entry) => entry.label);
  const own = caller('settings:read');
  expect(labels({ ...own, tenantId: OPERATOR_TENANT_ID })).toEqual(['providers.title', 'settings.title']);
  expect(labels(own)).toEqual([]);
});

it('begins at the first page of its own', () => {
  expect(startOf(ENTRIES, caller('talk', 'documents:read'))).toBe('/talk');
  expect(startOf(ENTRIES, caller('pii:reveal'))).toBeNull();
});
