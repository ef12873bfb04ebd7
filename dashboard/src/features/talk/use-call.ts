/** The one call of a page: it ends when the page is left. */

import { useEffect, useState, useSyncExternalStore } from 'react';
import { Call } from '@/realtime/call';
import type { CallView } from '@/realtime/call-view';

export function useCall(): readonly [call: Call, view: CallView] {
  const [call] = useState(() => new Call());
  useEffect(() => () => call.end(), [call]);
  const view = useSyncExternalStore(call.subscribe, () => call.view);
  return [call, view];
}
