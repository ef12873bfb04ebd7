/** On to the next page of a list, or back to its newest; nothing when there is only one. The browser's own Back leads one page back. */

import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import styles from './pager.module.css';

interface Props {
  readonly onNewest: (() => void) | undefined;
  readonly onNext: (() => void) | undefined;
}

export function Pager({ onNewest, onNext }: Props) {
  const t = useText();
  if (!onNewest && !onNext) return null;
  return (
    <nav className={styles.pager} aria-label={t('common.pages')}>
      {onNewest ? <Button onClick={onNewest}>{t('common.newest')}</Button> : null}
      {onNext ? <Button onClick={onNext}>{t('common.next')}</Button> : null}
    </nav>
  );
}
