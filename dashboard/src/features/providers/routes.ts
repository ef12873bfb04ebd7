/** /providers and /providers/$name. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import type { Services } from '@/lib/services';
import { providersQuery } from './queries';

const loader = ({ context: { api, queryClient } }: { context: Services }) => {
  void queryClient.prefetchQuery(providersQuery(api));
};

const listRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/providers',
  staticData: { title: 'providers.title' },
  beforeLoad: needs('settings:read'),
  loader,
  component: lazyRouteComponent(() => import('./list-page'), 'ListPage'),
});

const detailRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/providers/$name',
  staticData: { title: 'providers.detail.title' },
  beforeLoad: needs('settings:read'),
  loader,
  component: lazyRouteComponent(() => import('./detail-page'), 'DetailPage'),
});

export const providerRoutes = [listRoute, detailRoute] as const;
