/** /keys. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { choiceParam, type RawSearch, validated } from '@/lib/search-params';
import { keysQuery } from './queries';
import { SHOWN } from './standing';

const keysRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/keys',
  staticData: { title: 'keys.title' },
  validateSearch: (raw: RawSearch) => validated({ show: choiceParam(raw, 'show', SHOWN) }),
  beforeLoad: needs('keys:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(keysQuery(api));
  },
  component: lazyRouteComponent(() => import('./keys-page'), 'KeysPage'),
});

export const keyRoutes = [keysRoute] as const;
