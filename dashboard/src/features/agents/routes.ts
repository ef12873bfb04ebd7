/** /agents, /agents/new and /agents/$agentId. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { agentQuery, agentsQuery, toolsQuery } from './queries';

const listRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/agents',
  staticData: { title: 'agents.title' },
  beforeLoad: needs('agents:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(agentsQuery(api));
  },
  component: lazyRouteComponent(() => import('./list-page'), 'ListPage'),
});

const newRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/agents/new',
  staticData: { title: 'agents.new' },
  beforeLoad: needs('agents:write'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(toolsQuery(api));
  },
  component: lazyRouteComponent(() => import('./new-page'), 'NewPage'),
});

const detailRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/agents/$agentId',
  staticData: { title: 'agents.detail.title' },
  beforeLoad: needs('agents:read'),
  loader: ({ context: { api, queryClient }, params }) => {
    void queryClient.prefetchQuery(agentQuery(api, params.agentId));
    void queryClient.prefetchQuery(toolsQuery(api));
  },
  component: lazyRouteComponent(() => import('./detail-page'), 'DetailPage'),
});

export const agentRoutes = [listRoute, newRoute, detailRoute] as const;
