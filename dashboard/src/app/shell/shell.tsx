/** The frame around every page: skip link, menu, the page itself. After each change of page the focus goes to it. */

import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { ToastRegion } from '@/components/toast-region';
import { useText } from '@/lib/i18n/context';
import { useCaller } from '@/lib/services';
import { ENTRIES, offered } from '../navigation';
import { AccountPanel } from './account-panel';
import { NavList } from './nav-list';
import styles from './shell.module.css';

export function Shell() {
  const t = useText();
  const caller = useCaller();
  const path = useLocation({ select: (location) => location.pathname });
  const [open, setOpen] = useState(false);
  const main = useFocusOn(path);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(() => setOpen(false), [path]);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        {t('app.skip')}
      </a>
      <aside
        className={styles.side}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setOpen(false);
        }}
      >
        <div className={styles.top}>
          <Link to="/" className={styles.brand}>
            <img src="/icon.svg" alt="" width="28" height="28" />
            {t('app.name')}
          </Link>
          <span className={styles.toggle}>
            <Button
              kind="quiet"
              aria-expanded={open}
              aria-controls="menu"
              aria-label={open ? t('app.menu.close') : t('app.menu.open')}
              onClick={() => setOpen(!open)}
            >
              <Icon name={open ? 'close' : 'menu'} size={22} />
            </Button>
          </span>
        </div>
        <div id="menu" className={styles.inside} data-open={open}>
          <NavList entries={offered(ENTRIES, caller)} />
          <AccountPanel />
        </div>
      </aside>
      <main id="main" ref={main} tabIndex={-1} className={styles.main}>
        <div className={styles.page}>
          <Outlet />
        </div>
      </main>
      <ToastRegion />
    </div>
  );
}

/** An element that takes the focus whenever `path` changes, but not on the first page: there the browser begins at the top. */
function useFocusOn(path: string) {
  const element = useRef<HTMLElement>(null);
  const last = useRef(path);
  useEffect(() => {
    if (last.current !== path) element.current?.focus({ preventScroll: true });
    last.current = path;
  }, [path]);
  return element;
}
