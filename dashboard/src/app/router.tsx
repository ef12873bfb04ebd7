/** All routes in one tree. A feature adds its routes here and its line to navigation.ts; nothing else of app/ knows it. */

import { createRoute, createRouter, redirect } from '@tanstack/react-router';
import { LoadingState } from '@/components/loading-state';
import { accountRoutes, passwordRoute } from '@/features/account/routes';
import { agentRoutes } from '@/features/agents/routes';
import { analyticsRoutes } from '@/features/analytics/routes';
import { auditRoutes } from '@/features/audit/routes';
import { collectionRoutes } from '@/features/collections/routes';
import { conversationRoutes } from '@/features/conversations/routes';
import { documentRoutes } from '@/features/documents/routes';
import { healthRoutes } from '@/features/health/routes';
import { keyRoutes } from '@/features/keys/routes';
import { privacyRoutes } from '@/features/privacy/routes';
import { providerRoutes } from '@/features/providers/routes';
import { settingsRoutes } from '@/features/settings/routes';
import { signInRoute } from '@/features/sign-in/routes';
import { talkRoutes } from '@/features/talk/routes';
import { userRoutes } from '@/features/users/routes';
import { NotAllowed, rootRoute, shellRoute } from '@/lib/routes';
import type { Services } from '@/lib/services';
import { ENTRIES, startOf } from './navigation';
import { NotFound } from './not-found';
import { Root } from './root';
import { RouteError } from './route-error';
import { Shell } from './shell/shell';

const startRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/',
  beforeLoad: ({ context }) => {
    const start = startOf(ENTRIES, context.session.caller);
    if (!start) throw new NotAllowed('conversations:read');
    throw redirect({ to: start, replace: true });
  },
  component: NotFound,
});

/** Any other address: for those who are signed in, the frame stays around the news. */
const elsewhereRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '$',
  staticData: { title: 'error.not_found.title' },
  component: NotFound,
});

const routeTree = rootRoute
  .update({ component: Root, notFoundComponent: NotFound })
  .addChildren([
    signInRoute,
    passwordRoute,
    shellRoute
      .update({ component: Shell })
      .addChildren([
        startRoute,
        elsewhereRoute,
        ...talkRoutes,
        ...healthRoutes,
        ...conversationRoutes,
        ...documentRoutes,
        ...privacyRoutes,
        ...collectionRoutes,
        ...providerRoutes,
        ...settingsRoutes,
        ...analyticsRoutes,
        ...userRoutes,
        ...keyRoutes,
        ...auditRoutes,
        ...accountRoutes,
        ...agentRoutes,
      ]),
  ]);

export function makeRouter(services: Services) {
  return createRouter({
    routeTree,
    context: services,
    defaultErrorComponent: RouteError,
    defaultPendingComponent: LoadingState,
    defaultNotFoundComponent: NotFound,
    notFoundMode: 'root',
    defaultPreload: 'intent',
    // The cache of answers is TanStack Query's: the router asks it each time.
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
