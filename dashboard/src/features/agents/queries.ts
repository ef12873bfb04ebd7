/** Agents, the tools and collections that they may be given, changes of them, and a question to one. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Agent = components['schemas']['Agent'];
export type AgentSettings = components['schemas']['AgentSettings'];
export type Tool = components['schemas']['ToolSummary'];
export type Answer = components['schemas']['AnswerShown'];
export type Source = components['schemas']['Source'];

/** The agent of calls that name none. It is there even when nobody has written one. */
export const DEFAULT_AGENT = 'default';

/** Everything that was loaded of agents. */
export const agentsKey = ['agents'] as const;

export function agentsQuery(api: Api) {
  return queryOptions({
    queryKey: [...agentsKey, 'list'],
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/agents', { signal }))).agents,
  });
}

export function agentQuery(api: Api, agentId: string) {
  return queryOptions({
    queryKey: [...agentsKey, 'one', agentId],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/agents/{agent_id}', { params: { path: { agent_id: agentId } }, signal })),
  });
}

export function toolsQuery(api: Api) {
  return queryOptions({
    queryKey: [...agentsKey, 'tools'],
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/agents/tools', { signal }))).tools,
  });
}

/** The collections that the caller may read. */
export function agentCollectionsQuery(api: Api) {
  return queryOptions({
    queryKey: [...agentsKey, 'collections'],
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/collections', { signal }))).items,
  });
}

/** Makes one, or changes the one that is named. */
export function saveAgent(api: Api, agentId: string | null, settings: AgentSettings): Promise<Agent> {
  if (agentId === null) return bodyOf(api.POST('/api/v1/agents', { body: settings }));
  return bodyOf(
    api.PUT('/api/v1/agents/{agent_id}', { params: { path: { agent_id: agentId } }, body: settings }),
  );
}

export async function deleteAgent(api: Api, agentId: string): Promise<void> {
  await api.DELETE('/api/v1/agents/{agent_id}', { params: { path: { agent_id: agentId } } });
}

/** One question from the documents, answered as the stored agent does. */
export function askAgent(api: Api, agentId: string, question: string): Promise<Answer> {
  return bodyOf(api.POST('/api/v1/ask', { body: { agent_id: agentId, question } }));
}
