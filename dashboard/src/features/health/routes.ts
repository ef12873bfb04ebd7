/** /health: the state of all services. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { dashboardHealthQuery, deadQuery, healthQuery } from './queries';

const healthRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/health',
  staticData: { title: 'health.title' },
  beforeLoad: needs('metrics:read'),
  loader: ({ context: { api, queryClient, session } }) => {
    void queryClient.prefetchQuery(healthQuery(api));
    void queryClient.prefetchQuery(dashboardHealthQuery());
    if (session.may('settings:read')) void queryClient.prefetchQuery(deadQuery(api));
  },
  component: lazyRouteComponent(() => import('./health-page'), 'HealthPage'),
});

export const healthRoutes = [healthRoute] as const;
