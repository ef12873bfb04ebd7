/** The way back to the list that a page belongs to. */

import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import styles from './back-link.module.css';
import { Icon } from './icon';

interface Props {
  readonly to: NonNullable<LinkProps['to']>;
  readonly children: ReactNode;
}

export function BackLink({ to, children }: Props) {
  return (
    <Link to={to} className={styles.back}>
      <Icon name="back" size={16} />
      {children}
    </Link>
  );
}
