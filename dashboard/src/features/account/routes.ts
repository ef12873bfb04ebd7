/** /account, for everybody who is signed in, and /password, outside of the frame, for whoever has a one-time token. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute, shellRoute } from '@/lib/routes';
import { meQuery, sessionsQuery } from './queries';

const accountRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/account',
  staticData: { title: 'account.title' },
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(meQuery(api));
    void queryClient.prefetchQuery(sessionsQuery(api));
  },
  component: lazyRouteComponent(() => import('./account-page'), 'AccountPage'),
});

/** The token stands behind the #, which no server gets to see. */
export const passwordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/password',
  staticData: { title: 'account.token.title' },
  component: lazyRouteComponent(() => import('./token-page'), 'TokenPage'),
});

export const accountRoutes = [accountRoute] as const;
