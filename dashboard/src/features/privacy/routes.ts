/** /privacy. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { erasuresQuery, holdsQuery, retentionQuery } from './queries';

const pageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/privacy',
  staticData: { title: 'privacy.title' },
  beforeLoad: needs('privacy:write'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(retentionQuery(api));
    void queryClient.prefetchQuery(holdsQuery(api));
    void queryClient.prefetchQuery(erasuresQuery(api, null));
  },
  component: lazyRouteComponent(() => import('./privacy-page'), 'PrivacyPage'),
});

export const privacyRoutes = [pageRoute] as const;
