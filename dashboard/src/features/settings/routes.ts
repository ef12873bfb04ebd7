/** /settings: what the gateway runs by. What is searched for stands in the address. */

import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { needs, shellRoute } from '@/lib/routes';
import { choiceParam, type RawSearch, textParam, validated } from '@/lib/search-params';
import { settingsQuery } from './queries';
import { SOURCES } from './sought';

const pageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/settings',
  staticData: { title: 'settings.title' },
  validateSearch: (raw: RawSearch) =>
    validated({
      q: textParam(raw, 'q', 100),
      area: textParam(raw, 'area', 60),
      source: choiceParam(raw, 'source', SOURCES),
    }),
  beforeLoad: needs('settings:read'),
  loader: ({ context: { api, queryClient } }) => {
    void queryClient.prefetchQuery(settingsQuery(api));
  },
  component: lazyRouteComponent(() => import('./settings-page'), 'SettingsPage'),
});

export const settingsRoutes = [pageRoute] as const;
