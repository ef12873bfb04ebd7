/** The look of a button, for links that look like one, too. */

import styles from './button.module.css';

export type ButtonKind = 'primary' | 'plain' | 'quiet' | 'danger';

export function buttonClass(kind: ButtonKind = 'plain'): string {
  return `${styles.button} ${styles[kind]}`;
}
