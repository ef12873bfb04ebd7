/** /health: the state of all services. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { dashboardHealthQuery, healthQuery } from './queries';

const healthRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/health',
  staticData: { title: 'health.title' },
  beforeLoad: needs('metrics:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(healthQuery(api));
    void queryClient.prefetchQuery(dashboardHealthQuery());
  },
  component: lazyRouteComponent(() => import('./health-page'), 'HealthPage'),
});

export const healthRoutes = [healthRoute] as const;
