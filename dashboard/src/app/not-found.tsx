/** In place of a page that there is not. */

import { Link } from '@tanstack/react-router';
import { buttonClass } from '@/components/button-class';
import { EmptyState } from '@/components/empty-state';
import { useText } from '@/lib/i18n/context';

export function NotFound() {
  const t = useText();
  return (
    <EmptyState
      alone
      title={t('error.not_found.title')}
      hint={t('error.not_found.text')}
      action={
        <Link to="/" className={buttonClass()}>
          {t('error.not_found.home')}
        </Link>
      }
    />
  );
}
