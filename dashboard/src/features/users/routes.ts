/** /users, /users/$userId and /roles. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { rolesQuery, userQuery, usersQuery } from './queries';

const listRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/users',
  staticData: { title: 'users.title' },
  beforeLoad: needs('users:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(usersQuery(api));
    void queryClient.prefetchQuery(rolesQuery(api));
  },
  component: lazyRouteComponent(() => import('./list-page'), 'ListPage'),
});

const detailRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/users/$userId',
  staticData: { title: 'users.detail.title' },
  beforeLoad: needs('users:read'),
  loader: ({ context: { api, queryClient }, params }) => {
    void queryClient.prefetchQuery(userQuery(api, params.userId));
    void queryClient.prefetchQuery(rolesQuery(api));
  },
  component: lazyRouteComponent(() => import('./detail-page'), 'DetailPage'),
});

const rolesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/roles',
  staticData: { title: 'roles.title' },
  beforeLoad: needs('users:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(rolesQuery(api));
  },
  component: lazyRouteComponent(() => import('./roles-page'), 'RolesPage'),
});

export const userRoutes = [listRoute, detailRoute, rolesRoute] as const;
