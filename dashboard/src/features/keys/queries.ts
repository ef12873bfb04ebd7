/** API keys, and what can be done with them. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Key = components['schemas']['KeyShown'];
export type KeyMade = components['schemas']['KeyMade'];
type KeyWanted = components['schemas']['KeyWanted'];

/** Everything that was loaded of keys. */
export const keysKey = ['keys'] as const;

export function keysQuery(api: Api) {
  return queryOptions({
    queryKey: keysKey,
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/keys', { signal }))).items,
  });
}

export function createKey(api: Api, body: KeyWanted): Promise<KeyMade> {
  return bodyOf(api.POST('/api/v1/keys', { body }));
}

/** A successor; the key itself goes on for `overlapHours`. */
export function rotateKey(api: Api, keyId: string, overlapHours: number): Promise<KeyMade> {
  return bodyOf(
    api.POST('/api/v1/keys/{key_id}/rotate', {
      params: { path: { key_id: keyId } },
      body: { overlap_hours: overlapHours },
    }),
  );
}

export async function revokeKey(api: Api, keyId: string): Promise<void> {
  await api.DELETE('/api/v1/keys/{key_id}', { params: { path: { key_id: keyId } } });
}
