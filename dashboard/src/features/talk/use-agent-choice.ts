/** With whom to talk: as the address says, else the built-in default, else the first that there is. */

import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { components } from '@/api/generated/schema';
import { useApi, useMay } from '@/lib/services';
import { agentsQuery } from './queries';

type Agent = components['schemas']['Agent'];

export interface AgentChoice {
  /** '' leaves it to the gateway. */
  readonly agentId: string;
  readonly agents: readonly Agent[];
  readonly query: UseQueryResult | null;
  choose(agentId: string): void;
}

const route = getRouteApi('/shell/talk');
const BUILT_IN = 'default';

export function useAgentChoice(): AgentChoice {
  const api = useApi();
  const mayRead = useMay('agents:read');
  const { agent } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery({ ...agentsQuery(api), enabled: mayRead });
  const agents = query.data?.agents ?? [];
  const own = agents.find((one) => one.agent_id === BUILT_IN) ?? agents[0];
  return {
    agentId: agent ?? own?.agent_id ?? '',
    agents,
    query: mayRead ? query : null,
    choose: (agentId) => void navigate({ search: { agent: agentId }, replace: true }),
  };
}
