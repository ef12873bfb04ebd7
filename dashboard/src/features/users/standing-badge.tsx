/** Whether a person may come in. */

import { Badge } from '@/components/badge';
import { useText } from '@/lib/i18n/context';
import type { Person } from './queries';

export function StandingBadge({ person }: { readonly person: Person }) {
  const t = useText();
  return person.disabled ? (
    <Badge tone="bad">{t('users.disabled')}</Badge>
  ) : (
    <Badge tone="good">{t('users.enabled')}</Badge>
  );
}
