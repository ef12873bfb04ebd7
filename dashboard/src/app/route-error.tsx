/** In place of a page that failed: not allowed, or an error, with a way to try again. The frame around it stays. */

import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import { EmptyState } from '@/components/empty-state';
import { ErrorState } from '@/components/error-state';
import { useText } from '@/lib/i18n/context';
import { NotAllowed } from '@/lib/routes';

export function RouteError({ error, reset }: ErrorComponentProps) {
  const t = useText();
  const router = useRouter();
  if (error instanceof NotAllowed) {
    return (
      <EmptyState
        alone
        icon="keys"
        title={t('error.forbidden.title')}
        hint={t('error.forbidden.text', { scope: error.scope })}
      />
    );
  }
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return <ErrorState error={error} onRetry={retry} />;
}
