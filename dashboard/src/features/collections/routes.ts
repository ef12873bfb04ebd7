/** /collections. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { collectionsQuery } from './queries';

const pageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/collections',
  staticData: { title: 'collections.title' },
  beforeLoad: needs('documents:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(collectionsQuery(api));
  },
  component: lazyRouteComponent(() => import('./collections-page'), 'CollectionsPage'),
});

export const collectionRoutes = [pageRoute] as const;
