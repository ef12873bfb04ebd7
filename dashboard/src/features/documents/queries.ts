/** Documents, their kinds and their text; states are asked for again while something is under way. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';
import { present } from '@/lib/search-params';
import { isUnderWay, type State } from './states';

export type Document = components['schemas']['DocumentShown'];
export type DocumentText = components['schemas']['TextShown'];

export interface ListWanted {
  readonly state?: State | undefined;
  readonly kind?: string | undefined;
  readonly before?: string | undefined;
  readonly before_id?: string | undefined;
}

const PAGE_SIZE = 25;
const LIVE_MS = 1_500;
const IDLE_MS = 15_000;
const KINDS_FRESH_MS = 300_000;

/** Everything that was loaded of documents. */
export const documentsKey = ['documents'] as const;
const LIST = [...documentsKey, 'list'] as const;
const ONE = [...documentsKey, 'one'] as const;

export function documentsQuery(api: Api, wanted: ListWanted) {
  return queryOptions({
    queryKey: [...LIST, present({ ...wanted })],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/documents', {
          params: { query: { ...present({ ...wanted }), limit: PAGE_SIZE } },
          signal,
        }),
      ),
    refetchInterval: ({ state }) =>
      state.data?.items.some((one) => isUnderWay(one.state)) ? LIVE_MS : IDLE_MS,
    placeholderData: keepPreviousData,
  });
}

export function kindsQuery(api: Api) {
  return queryOptions({
    queryKey: [...documentsKey, 'kinds'],
    queryFn: async ({ signal }) => {
      const told = await bodyOf(api.GET('/api/v1/documents/kinds', { signal }));
      return [...new Set([...told.built_in, ...Object.keys(told.kinds)])].sort();
    },
    staleTime: KINDS_FRESH_MS,
  });
}

export function documentQuery(api: Api, documentId: string) {
  return queryOptions({
    queryKey: [...ONE, documentId],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/documents/{document_id}', { params: { path: { document_id: documentId } }, signal }),
      ),
    refetchInterval: ({ state }) => (state.data && isUnderWay(state.data.state) ? LIVE_MS : false),
  });
}

/** One page of the text that was read. version: a new one has another text. */
export function textQuery(api: Api, documentId: string, page: number, version: number) {
  return queryOptions({
    queryKey: [...ONE, documentId, 'text', version, page],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/documents/{document_id}/text', {
          params: { path: { document_id: documentId }, query: { page } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
}

export async function deleteDocument(api: Api, documentId: string): Promise<void> {
  await api.DELETE('/api/v1/documents/{document_id}', { params: { path: { document_id: documentId } } });
}

/** Reads and indexes it again. */
export function reindexDocument(api: Api, documentId: string): Promise<Document> {
  return bodyOf(
    api.POST('/api/v1/documents/{document_id}/reindex', {
      params: { path: { document_id: documentId } },
      body: { password: '' },
    }),
  );
}
