/** API keys: what they may do, how long, and when they were used. */

import { Badge } from '@/components/badge';
import { Button } from '@/components/button';
import { Moment } from '@/components/moment';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import { useMay } from '@/lib/services';
import styles from './key-table.module.css';
import type { Key } from './queries';
import { standingOf } from './standing';

interface Props {
  readonly keys: readonly Key[];
  readonly onRotate: (key: Key) => void;
  readonly onRevoke: (key: Key) => void;
}

const TONES = { valid: 'good', expired: 'warn', revoked: 'bad' } as const;

export function KeyTable({ keys, onRotate, onRevoke }: Props) {
  const t = useText();
  const mayWrite = useMay('keys:write');
  const now = new Date();
  const columns: readonly Column<Key>[] = [
    {
      key: 'name',
      label: t('keys.column.name'),
      cell: (one) => (
        <span className={styles.name}>
          <strong>{one.name}</strong>
          <code>{one.prefix}…</code>
        </span>
      ),
    },
    {
      key: 'scopes',
      label: t('keys.column.scopes'),
      cell: (one) => (
        <details className={styles.scopes}>
          <summary>{t('scopes.count', { count: one.scopes.length })}</summary>
          <code>{one.scopes.join(', ')}</code>
        </details>
      ),
    },
    {
      key: 'standing',
      label: t('keys.column.standing'),
      cell: (one) => {
        const standing = standingOf(one, now);
        return <Badge tone={TONES[standing]}>{t(`keys.${standing}`)}</Badge>;
      },
    },
    {
      key: 'expires',
      label: t('keys.column.expires'),
      cell: (one) => (one.expires_at ? <Moment at={one.expires_at} exact /> : t('keys.never')),
    },
    {
      key: 'used',
      label: t('keys.column.used'),
      cell: (one) => (one.last_used_at ? <Moment at={one.last_used_at} /> : t('keys.unused')),
    },
  ];
  const actions: Column<Key> = {
    key: 'actions',
    label: t('keys.column.actions'),
    cell: (one) =>
      standingOf(one, now) === 'valid' ? (
        <span className={styles.actions}>
          <Button aria-label={t('keys.rotate.of', { name: one.name })} onClick={() => onRotate(one)}>
            {t('keys.rotate')}
          </Button>
          <Button
            kind="danger"
            aria-label={t('keys.revoke.of', { name: one.name })}
            onClick={() => onRevoke(one)}
          >
            {t('keys.revoke')}
          </Button>
        </span>
      ) : null,
  };
  return (
    <Table
      caption={t('keys.title')}
      columns={mayWrite ? [...columns, actions] : columns}
      rows={keys}
      rowKey={(one) => one.key_id}
    />
  );
}
