/** How far something is, 0 to 1. */

import styles from './progress.module.css';

export function Progress({ label, share }: { readonly label: string; readonly share: number }) {
  return <progress className={styles.progress} aria-label={label} max={1} value={share} />;
}
