/** Around everything: the title of the tab, and what happens when the session ends while a page is open. */

import { Outlet, useMatches, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useText } from '@/lib/i18n/context';
import { useCaller, useServices } from '@/lib/services';

export function Root() {
  useTitle();
  useSignOut();
  return <Outlet />;
}

function useTitle(): void {
  const t = useText();
  const key = useMatches({ select: (matches) => matches.at(-1)?.staticData.title });
  useEffect(() => {
    document.title = key ? `${t(key)} · ${t('app.name')}` : t('app.name');
  }, [key, t]);
}

/** Whatever was loaded is forgotten, and the page asks to sign in and then to come back. */
function useSignOut(): void {
  const { queryClient } = useServices();
  const router = useRouter();
  const caller = useCaller();
  useEffect(() => {
    if (caller) return;
    queryClient.clear();
    void router.invalidate();
  }, [caller, queryClient, router]);
}
