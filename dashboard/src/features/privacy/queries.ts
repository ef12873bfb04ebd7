/** Retention, legal holds, and erasures of people. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Retention = components['schemas']['RetentionShown'];
export type Holds = components['schemas']['HoldsShown'];
export type HoldsWanted = components['schemas']['HoldsBody'];
export type Erasure = components['schemas']['ErasureShown'];
export type ErasureWanted = components['schemas']['ErasureWanted'];

const PAGE_SIZE = 20;
const LIVE_MS = 2_000;

export const privacyKey = ['privacy'] as const;

export function retentionQuery(api: Api) {
  return queryOptions({
    queryKey: [...privacyKey, 'retention'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/privacy/retention', { signal })),
  });
}

export function holdsQuery(api: Api) {
  return queryOptions({
    queryKey: [...privacyKey, 'holds'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/privacy/holds', { signal })),
  });
}

/** Where a page of erasures ended. */
export interface ErasurePlace {
  readonly before: string;
  readonly before_id: string;
}

/** Asked for again while one is under way. place: where the page before ended. */
export function erasuresQuery(api: Api, place: ErasurePlace | null) {
  return queryOptions({
    queryKey: [...privacyKey, 'erasures', place],
    queryFn: ({ signal }) => {
      const query = { limit: PAGE_SIZE, ...place };
      return bodyOf(api.GET('/api/v1/privacy/erasures', { params: { query }, signal }));
    },
    refetchInterval: ({ state }) =>
      state.data?.items.some((one) => ['queued', 'running'].includes(one.state)) ? LIVE_MS : false,
  });
}

export function changeRetention(api: Api, wanted: Retention): Promise<Retention> {
  return bodyOf(api.PUT('/api/v1/privacy/retention', { body: wanted }));
}

export function changeHolds(api: Api, wanted: HoldsWanted): Promise<Holds> {
  return bodyOf(api.PUT('/api/v1/privacy/holds', { body: wanted }));
}

export function erase(api: Api, wanted: ErasureWanted): Promise<Erasure> {
  return bodyOf(api.POST('/api/v1/privacy/erasures', { body: wanted }));
}
