/** In place of what is on its way. */

import { useText } from '@/lib/i18n/context';
import styles from './loading-state.module.css';

export function LoadingState({ rows = 4 }: { readonly rows?: number }) {
  const t = useText();
  const bars = Array.from({ length: rows }, (_, index) => `bar-${index}`);
  return (
    <div className={styles.loading} role="status" aria-busy="true">
      <span className={styles.words}>{t('common.loading')}</span>
      {bars.map((name) => (
        <div key={name} className={styles.bar} />
      ))}
    </div>
  );
}
