/** /conversations and /conversations/$conversationId. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { choiceParam, momentParam, type RawSearch, textParam, validated } from '@/lib/search-params';
import { PAGE_SIZES } from './page-sizes';
import { conversationQuery, conversationsQuery, turnsQuery } from './queries';

/** before, before_id: where the page before ended.  size: rows of a page. */
const listSearch = (raw: RawSearch) =>
  validated({
    before: momentParam(raw, 'before'),
    before_id: textParam(raw, 'before_id'),
    size: choiceParam(raw, 'size', PAGE_SIZES),
  });

const listRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/conversations',
  staticData: { title: 'conversations.title' },
  validateSearch: listSearch,
  beforeLoad: needs('conversations:read'),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { api, queryClient }, deps }) => {
    void queryClient.prefetchQuery(conversationsQuery(api, deps));
  },
  component: lazyRouteComponent(() => import('./list-page'), 'ListPage'),
});

const detailRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/conversations/$conversationId',
  staticData: { title: 'conversations.detail.title' },
  beforeLoad: needs('conversations:read'),
  loader: ({ context: { api, queryClient }, params }) => {
    void queryClient.prefetchQuery(conversationQuery(api, params.conversationId));
    void queryClient.prefetchQuery(turnsQuery(api, params.conversationId));
  },
  component: lazyRouteComponent(() => import('./detail-page'), 'DetailPage'),
});

export const conversationRoutes = [listRoute, detailRoute] as const;
