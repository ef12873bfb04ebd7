/** The two routes that all others hang on, and what guards them. Features make their routes below `shellRoute`; app/router.tsx joins them. */

import { createRootRouteWithContext, createRoute, redirect } from '@tanstack/react-router';
import type { Scope } from '@/api/scopes';
import type { MessageKey } from './i18n/messages';
import { codeParam } from './search-params';
import type { Services } from './services';

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** Title of the page, in the tab and for screen readers. */
    title?: MessageKey;
  }
}

/** The caller's role lacks the scope of this page. */
export class NotAllowed extends Error {
  readonly scope: Scope;

  constructor(scope: Scope) {
    super(`needs ${scope}`);
    this.name = 'NotAllowed';
    this.scope = scope;
  }
}

export const rootRoute = createRootRouteWithContext<Services>()();

/** Everything that needs somebody to be signed in. */
export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'shell',
  beforeLoad: ({ context, location }) => {
    if (!context.session.caller) {
      // The identity provider's way ends at the start page, with the code of what failed.
      const failed = codeParam(location.search, 'failed');
      const asked = location.pathname === '/' ? { failed } : { to: location.href };
      throw redirect({ to: '/sign-in', search: asked });
    }
  },
});

/** For `beforeLoad`: only callers with this scope get to the page; for others nothing is asked of the server. */
export function needs(scope: Scope) {
  return ({ context }: { context: Services }): void => {
    if (!context.session.may(scope)) throw new NotAllowed(scope);
  };
}
