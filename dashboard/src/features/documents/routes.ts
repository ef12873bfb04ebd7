/** /documents and /documents/$documentId. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import {
  choiceParam,
  countParam,
  momentParam,
  type RawSearch,
  textParam,
  validated,
} from '@/lib/search-params';
import { documentQuery, documentsQuery, kindsQuery } from './queries';
import { STATES } from './states';

/** state, kind: filters.  before, before_id: where the page before ended. */
const listSearch = (raw: RawSearch) =>
  validated({
    state: choiceParam(raw, 'state', STATES),
    kind: textParam(raw, 'kind', 64),
    before: momentParam(raw, 'before'),
    before_id: textParam(raw, 'before_id'),
  });

const listRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/documents',
  staticData: { title: 'documents.title' },
  validateSearch: listSearch,
  beforeLoad: needs('documents:read'),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { api, queryClient }, deps }) => {
    void queryClient.prefetchQuery(documentsQuery(api, deps));
    void queryClient.prefetchQuery(kindsQuery(api));
  },
  component: lazyRouteComponent(() => import('./list-page'), 'ListPage'),
});

/** page: of the text that is shown, from 1 on. */
const detailRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/documents/$documentId',
  staticData: { title: 'documents.detail.title' },
  validateSearch: (raw: RawSearch) => validated({ page: countParam(raw, 'page') }),
  beforeLoad: needs('documents:read'),
  loader: ({ context: { api, queryClient }, params }) => {
    void queryClient.prefetchQuery(documentQuery(api, params.documentId));
  },
  component: lazyRouteComponent(() => import('./detail-page'), 'DetailPage'),
});

export const documentRoutes = [listRoute, detailRoute] as const;
