/** /sign-in: outside of the frame. `to` says which page was asked for. */

import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { rootRoute } from '@/lib/routes';
import { type RawSearch, validated } from '@/lib/search-params';
import { safeTarget } from './safe-target';

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  staticData: { title: 'sign_in.title' },
  validateSearch: (raw: RawSearch) => validated({ to: safeTarget(raw.to) }),
  beforeLoad: ({ context, search }) => {
    if (context.session.caller) throw redirect({ href: search.to ?? '/', replace: true });
  },
  component: lazyRouteComponent(() => import('./sign-in-page'), 'SignInPage'),
});
