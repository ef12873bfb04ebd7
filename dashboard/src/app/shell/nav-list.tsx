/** The menu: what the caller may open, in groups. */

import { Link } from '@tanstack/react-router';
import { useId } from 'react';
import { Icon } from '@/components/icon';
import { useText } from '@/lib/i18n/context';
import type { Entry } from '../navigation';
import styles from './nav-list.module.css';

const GROUPS = ['use', 'run'] as const;

export function NavList({ entries }: { readonly entries: readonly Entry[] }) {
  const t = useText();
  const id = useId();
  return (
    <nav className={styles.nav} aria-label={t('nav.label')}>
      {GROUPS.map((group) => {
        const own = entries.filter((entry) => entry.group === group);
        if (own.length === 0) return null;
        return (
          <div key={group}>
            <p id={`${id}-${group}`} className={styles.group}>
              {t(`nav.group.${group}`)}
            </p>
            <ul aria-labelledby={`${id}-${group}`}>
              {own.map((entry) => (
                <li key={entry.to}>
                  <EntryLink entry={entry} />
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

function EntryLink({ entry }: { readonly entry: Entry }) {
  const t = useText();
  return (
    <Link className={styles.link} to={entry.to} activeProps={{ 'aria-current': 'page' }} preload="intent">
      <Icon name={entry.icon} />
      {t(entry.label)}
    </Link>
  );
}
