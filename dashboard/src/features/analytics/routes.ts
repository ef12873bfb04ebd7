/** /analytics. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { choiceParam, type RawSearch, validated } from '@/lib/search-params';
import { limitsQuery, SAMPLE, SAMPLES, sampleQuery, usageQuery } from './queries';

const pageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/analytics',
  staticData: { title: 'analytics.title' },
  /** sample: how many of the last conversations are looked at. */
  validateSearch: (raw: RawSearch) => validated({ sample: choiceParam(raw, 'sample', SAMPLES) }),
  beforeLoad: needs('metrics:read'),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { api, queryClient, session }, deps }) => {
    void queryClient.prefetchQuery(usageQuery(api));
    void queryClient.prefetchQuery(limitsQuery(api));
    if (session.may('conversations:read')) {
      void queryClient.prefetchQuery(sampleQuery(api, deps.sample ?? SAMPLE));
    }
  },
  component: lazyRouteComponent(() => import('./analytics-page'), 'AnalyticsPage'),
});

export const analyticsRoutes = [pageRoute] as const;
