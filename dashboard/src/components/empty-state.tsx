/** In place of a list without anything in it: what would be here, and how it gets here. */

import type { ReactNode } from 'react';
import styles from './empty-state.module.css';
import { Icon, type IconName } from './icon';

interface Props {
  readonly icon?: IconName;
  readonly title: string;
  readonly hint?: string;
  readonly action?: ReactNode;
  /** It is all that the page shows: its title is that of the page. */
  readonly alone?: boolean;
}

export function EmptyState({ icon = 'empty', title, hint, action, alone = false }: Props) {
  return (
    <div className={styles.empty}>
      <span className={styles.mark}>
        <Icon name={icon} size={22} />
      </span>
      {alone ? <h1 className={styles.alone}>{title}</h1> : <strong>{title}</strong>}
      {hint ? <p className={styles.hint}>{hint}</p> : null}
      {action ? <div className={styles.action}>{action}</div> : null}
    </div>
  );
}
