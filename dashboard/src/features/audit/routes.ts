/** /audit. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { countParam, momentParam, type RawSearch, textParam, validated } from '@/lib/search-params';
import { auditQuery } from './queries';

const auditRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/audit',
  staticData: { title: 'audit.title' },
  validateSearch: (raw: RawSearch) =>
    validated({
      action: textParam(raw, 'action', 100),
      subject: textParam(raw, 'subject', 200),
      object_id: textParam(raw, 'object_id', 300),
      request_id: textParam(raw, 'request_id', 100),
      since: momentParam(raw, 'since'),
      until: momentParam(raw, 'until'),
      before: countParam(raw, 'before'),
    }),
  beforeLoad: needs('audit:read'),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { api, queryClient }, deps }) => {
    void queryClient.prefetchQuery(auditQuery(api, deps));
  },
  component: lazyRouteComponent(() => import('./audit-page'), 'AuditPage'),
});

export const auditRoutes = [auditRoute] as const;
