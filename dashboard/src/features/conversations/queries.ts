/** Conversations and their turns, and removing one. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';
import { PAGE_SIZE } from './page-sizes';

export type Conversation = components['schemas']['Conversation'];
export type Turn = components['schemas']['Turn'];

export interface ListWanted {
  readonly before?: string | undefined;
  readonly before_id?: string | undefined;
  readonly size?: number | undefined;
}

const KEY = 'conversations';
const MOST_TURNS = 200;
/** A conversation that goes on gets new turns while it is looked at. */
const EVERY_MS = 10_000;

export function conversationsQuery(api: Api, { before, before_id, size = PAGE_SIZE }: ListWanted) {
  return queryOptions({
    queryKey: [KEY, 'list', before ?? '', before_id ?? '', size],
    queryFn: ({ signal }) => {
      const query = { limit: size, ...(before ? { before, before_id: before_id ?? '' } : {}) };
      return bodyOf(api.GET('/api/v1/conversations', { params: { query }, signal }));
    },
    refetchInterval: before ? false : EVERY_MS,
  });
}

export function conversationQuery(api: Api, conversationId: string) {
  return queryOptions({
    queryKey: [KEY, 'one', conversationId],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/conversations/{conversation_id}', {
          params: { path: { conversation_id: conversationId } },
          signal,
        }),
      ),
  });
}

export function turnsQuery(api: Api, conversationId: string) {
  return queryOptions({
    queryKey: [KEY, 'one', conversationId, 'turns'],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/conversations/{conversation_id}/turns', {
          params: { path: { conversation_id: conversationId }, query: { limit: MOST_TURNS } },
          signal,
        }),
      ),
    refetchInterval: EVERY_MS,
  });
}

export async function deleteConversation(api: Api, conversationId: string): Promise<void> {
  await api.DELETE('/api/v1/conversations/{conversation_id}', {
    params: { path: { conversation_id: conversationId } },
  });
}

/** Everything that was loaded of conversations. */
export const conversationsKey = [KEY] as const;
