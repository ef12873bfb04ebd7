/** A page without the frame: what it shows stands in the middle. */

import type { ReactNode } from 'react';
import styles from './lone-page.module.css';

export function LonePage({ children }: { readonly children: ReactNode }) {
  return <main className={styles.page}>{children}</main>;
}
