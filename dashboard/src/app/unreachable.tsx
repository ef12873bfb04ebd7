/** In place of everything, when the gateway did not answer at the start. */

import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { LonePage } from '@/components/lone-page';
import { useText } from '@/lib/i18n/context';

export function Unreachable() {
  const t = useText();
  return (
    <LonePage>
      <EmptyState
        alone
        icon="warn"
        title={t('app.unreachable')}
        hint={t('app.unreachable.hint')}
        action={<Button onClick={() => window.location.reload()}>{t('common.retry')}</Button>}
      />
    </LonePage>
  );
}
