/** /sign-in: outside of the frame. `to` says which page was asked for, `failed` the code of what went wrong on the way. */

import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { rootRoute } from '@/lib/routes';
import { codeParam, type RawSearch, validated } from '@/lib/search-params';
import { safeTarget } from './safe-target';

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  staticData: { title: 'sign_in.title' },
  validateSearch: (raw: RawSearch) => validated({ to: safeTarget(raw.to), failed: codeParam(raw, 'failed') }),
  beforeLoad: ({ context, search }) => {
    if (context.session.caller) throw redirect({ href: search.to ?? '/', replace: true });
  },
  component: lazyRouteComponent(() => import('./sign-in-page'), 'SignInPage'),
});
