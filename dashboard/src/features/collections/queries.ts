/** Collections of documents, and the search in them. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Collection = components['schemas']['CollectionShown'];
export type CollectionWanted = components['schemas']['CollectionWanted'];
export type Passage = components['schemas']['PassageShown'];

export interface SearchWanted {
  readonly words: string;
  /** '' for all that the caller may read. */
  readonly collectionId: string;
}

const PASSAGES = 10;

export const collectionsKey = ['collections'] as const;

/** Those that the caller may read. */
export function collectionsQuery(api: Api) {
  return queryOptions({
    queryKey: collectionsKey,
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/collections', { signal }))).items,
  });
}

/** Makes one, or changes the one that is named. */
export function saveCollection(api: Api, id: string | null, wanted: CollectionWanted): Promise<Collection> {
  if (id === null) return bodyOf(api.POST('/api/v1/collections', { body: wanted }));
  return bodyOf(
    api.PUT('/api/v1/collections/{collection_id}', {
      params: { path: { collection_id: id } },
      body: wanted,
    }),
  );
}

export async function deleteCollection(api: Api, id: string): Promise<void> {
  await api.DELETE('/api/v1/collections/{collection_id}', { params: { path: { collection_id: id } } });
}

/** The passages that fit best, best first. */
export async function search(api: Api, wanted: SearchWanted): Promise<readonly Passage[]> {
  const collection_ids = wanted.collectionId ? [wanted.collectionId] : null;
  const found = await bodyOf(
    api.POST('/api/v1/search', {
      body: { query: wanted.words, collection_ids, limit: PASSAGES, neighbours: 0, kinds: [], languages: [] },
    }),
  );
  return found.items;
}
