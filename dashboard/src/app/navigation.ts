/** What the menu offers, and to whom. A new page adds one line to ENTRIES. Pure. */

import { type Caller, may, OPERATOR_TENANT_ID, type Scope } from '@/api/scopes';
import type { IconName } from '@/components/icon';
import type { MessageKey } from '@/lib/i18n/messages';

export interface Entry {
  /** Path of the page. */
  readonly to: string;
  readonly label: MessageKey;
  readonly icon: IconName;
  readonly scope: Scope;
  readonly group: 'use' | 'run';
  /** Only for the organisation that runs the platform. */
  readonly operators?: true;
}

export const ENTRIES: readonly Entry[] = [
  { to: '/talk', label: 'nav.talk', icon: 'talk', scope: 'talk', group: 'use' },
  {
    to: '/conversations',
    label: 'conversations.title',
    icon: 'conversations',
    scope: 'conversations:read',
    group: 'use',
  },
  { to: '/documents', label: 'documents.title', icon: 'documents', scope: 'documents:read', group: 'use' },
  { to: '/agents', label: 'agents.title', icon: 'agents', scope: 'agents:read', group: 'use' },
  { to: '/users', label: 'users.title', icon: 'people', scope: 'users:read', group: 'run' },
  { to: '/keys', label: 'keys.title', icon: 'keys', scope: 'keys:read', group: 'run' },
  { to: '/audit', label: 'audit.title', icon: 'audit', scope: 'audit:read', group: 'run' },
  {
    to: '/collections',
    label: 'collections.title',
    icon: 'collections',
    scope: 'documents:read',
    group: 'use',
  },
  { to: '/health', label: 'health.title', icon: 'health', scope: 'metrics:read', group: 'run' },
  { to: '/analytics', label: 'analytics.title', icon: 'analytics', scope: 'metrics:read', group: 'run' },
  {
    to: '/providers',
    label: 'providers.title',
    icon: 'providers',
    scope: 'settings:read',
    group: 'run',
    operators: true,
  },
  {
    to: '/settings',
    label: 'settings.title',
    icon: 'settings',
    scope: 'settings:read',
    group: 'run',
    operators: true,
  },
  { to: '/privacy', label: 'privacy.title', icon: 'privacy', scope: 'privacy:write', group: 'run' },
];

/** The entries that lead the caller to something, in their order. */
export function offered(entries: readonly Entry[], caller: Caller | null): readonly Entry[] {
  const runs = caller?.tenantId === OPERATOR_TENANT_ID;
  return entries.filter((entry) => may(caller, entry.scope) && (runs || !entry.operators));
}

/** Where a caller begins: the first page that they may see; null when there is none. */
export function startOf(entries: readonly Entry[], caller: Caller | null): string | null {
  return offered(entries, caller)[0]?.to ?? null;
}
