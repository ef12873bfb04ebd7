/** What analytics rest on: the last conversations with their turns, this month's usage with its budget, and the caller's limits. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Conversation = components['schemas']['Conversation'];
export type Turn = components['schemas']['Turn'];
export type Usage = components['schemas']['UsageView'];
export type Budget = components['schemas']['BudgetSettings'];
export type Limits = components['schemas']['Limits'];

/** A conversation with its turns, oldest first. */
export interface Seen {
  readonly conversation: Conversation;
  readonly turns: readonly Turn[];
}

/** whole: there are no conversations besides. */
export interface Sample {
  readonly seen: readonly Seen[];
  readonly whole: boolean;
}

export const SAMPLES = [25, 50, 100] as const;
export const SAMPLE = 50;
/** Of one conversation, its last ones. */
export const MOST_TURNS = 200;
/** Calls at a time: a page that asks for everything at once would use up the limits of whoever looks. */
const AT_ONCE = 5;
const FRESH_MS = 60_000;

export const analyticsKey = ['analytics'] as const;

export function sampleQuery(api: Api, size: number) {
  return queryOptions({
    queryKey: [...analyticsKey, 'sample', size],
    queryFn: ({ signal }) => sampleOf(api, size, signal),
    staleTime: FRESH_MS,
  });
}

export function usageQuery(api: Api) {
  return queryOptions({
    queryKey: [...analyticsKey, 'usage'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/usage', { signal })),
  });
}

export function limitsQuery(api: Api) {
  return queryOptions({
    queryKey: [...analyticsKey, 'limits'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/limits', { signal })),
  });
}

export function setBudget(api: Api, tenantId: string, budget: Budget): Promise<Budget> {
  return bodyOf(
    api.PUT('/api/v1/usage/budgets/{tenant_id}', { params: { path: { tenant_id: tenantId } }, body: budget }),
  );
}

async function sampleOf(api: Api, size: number, signal: AbortSignal): Promise<Sample> {
  const page = await bodyOf(api.GET('/api/v1/conversations', { params: { query: { limit: size } }, signal }));
  const seen: (Seen | undefined)[] = new Array(page.conversations.length);
  const left = [...page.conversations.entries()];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [index, conversation] = next;
      seen[index] = await seenOf(api, conversation, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { seen: seen.filter((one) => one !== undefined), whole: page.next_before === null };
}

async function seenOf(api: Api, conversation: Conversation, signal: AbortSignal): Promise<Seen> {
  if (conversation.turn_count === 0) return { conversation, turns: [] };
  const path = { conversation_id: conversation.conversation_id };
  const query = { limit: MOST_TURNS };
  const told = await bodyOf(
    api.GET('/api/v1/conversations/{conversation_id}/turns', { params: { path, query }, signal }),
  );
  return { conversation, turns: told.turns };
}
