/** Something to know, in place: good news, bad news, or a remark. Bad news interrupts a screen reader, the others wait. */

import type { ReactNode } from 'react';
import { Icon } from './icon';
import styles from './notice.module.css';

interface Props {
  readonly tone: 'good' | 'bad' | 'info';
  readonly children: ReactNode;
  readonly action?: ReactNode;
}

const ICONS = { good: 'good', bad: 'warn', info: 'info' } as const;

export function Notice({ tone, children, action }: Props) {
  return (
    <div className={`${styles.notice} ${styles[tone]}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <span className={styles.icon}>
        <Icon name={ICONS[tone]} />
      </span>
      <div className={styles.body}>{children}</div>
      {action}
    </div>
  );
}
