/** /talk */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { type RawSearch, textParam, validated } from '@/lib/search-params';
import { agentsQuery } from './queries';

/** agent: with whom. */
const talkRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/talk',
  staticData: { title: 'nav.talk' },
  validateSearch: (raw: RawSearch) => validated({ agent: textParam(raw, 'agent') }),
  beforeLoad: needs('talk'),
  loader: ({ context: { api, queryClient, session } }) => {
    if (session.may('agents:read')) void queryClient.prefetchQuery(agentsQuery(api));
  },
  component: lazyRouteComponent(() => import('./talk-page'), 'TalkPage'),
});

export const talkRoutes = [talkRoute] as const;
