/** Whether a key works. Pure. */

import type { Key } from './queries';

export type Standing = 'valid' | 'expired' | 'revoked';

/** What the list may show: all keys, or, unless it is said, those that work. */
export const SHOWN = ['all'] as const;

export function standingOf(key: Key, now: Date): Standing {
  if (key.revoked_at) return 'revoked';
  return key.expires_at && new Date(key.expires_at) <= now ? 'expired' : 'valid';
}
