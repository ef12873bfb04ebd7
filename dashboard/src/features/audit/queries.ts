/** The audit log, and the address of its export. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';
import { present } from '@/lib/search-params';

export type Entry = components['schemas']['AuditShown'];

/** Which records: those that equal what is given, from `since` on, before `until`. */
export interface Filters {
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  readonly object_id?: string | undefined;
  readonly request_id?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface Wanted extends Filters {
  /** Number of the last record of the page before. */
  readonly before?: number | undefined;
}

const PAGE_SIZE = 50;

export function auditQuery(api: Api, wanted: Wanted) {
  const query = present({ ...wanted });
  return queryOptions({
    queryKey: ['audit', query],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/audit', { params: { query: { ...query, limit: PAGE_SIZE } }, signal })),
    placeholderData: keepPreviousData,
  });
}

export function exportAddress(gateway: string, filters: Filters, format: 'csv' | 'jsonl'): string {
  const query = new URLSearchParams({ ...present({ ...filters }), format });
  return `${gateway}/api/v1/audit/export?${query}`;
}
