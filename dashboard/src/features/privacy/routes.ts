/** /privacy. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { erasuresQuery, heldBackQuery, holdsQuery, retentionQuery } from './queries';

const pageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/privacy',
  staticData: { title: 'privacy.title' },
  beforeLoad: needs('privacy:write'),
  loader: ({ context: { api, queryClient, session } }) => {
    void queryClient.prefetchQuery(retentionQuery(api));
    void queryClient.prefetchQuery(holdsQuery(api));
    void queryClient.prefetchQuery(erasuresQuery(api, null));
    if (session.may('audit:read')) void queryClient.prefetchQuery(heldBackQuery(api));
  },
  component: lazyRouteComponent(() => import('./privacy-page'), 'PrivacyPage'),
});

export const privacyRoutes = [pageRoute] as const;
