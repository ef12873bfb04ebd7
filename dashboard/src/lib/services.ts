/** What every page works with: the session, the client of the gateway, the cache of answers. Made once, in app/. */

import type { QueryClient } from '@tanstack/react-query';
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Api } from '@/api/client';
import type { Caller, Scope } from '@/api/scopes';
import type { Session } from '@/api/session';

export interface Services {
  readonly session: Session;
  readonly api: Api;
  readonly queryClient: QueryClient;
  /** Whether people can sign in with an identity provider. */
  readonly oidc: boolean;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const found = useContext(ServicesContext);
  if (!found) throw new Error('useServices stands outside of ServicesContext');
  return found;
}

export function useApi(): Api {
  return useServices().api;
}

/** Who is signed in; renders anew when that changes. */
export function useCaller(): Caller | null {
  const { session } = useServices();
  return useSyncExternalStore(session.subscribe, () => session.caller);
}

export function useMay(scope: Scope): boolean {
  return useCaller()?.scopes.has(scope) ?? false;
}
