/** Roles with their rights; those of the organisation's own can be changed by whoever has as many rights. */

import { Badge } from '@/components/badge';
import { Button } from '@/components/button';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import { useCaller, useMay } from '@/lib/services';
import type { Role } from './queries';
import { within } from './reach';
import styles from './role-table.module.css';

interface Props {
  readonly roles: readonly Role[];
  readonly onEdit: (role: Role) => void;
  readonly onDelete: (role: Role) => void;
}

export function RoleTable({ roles, onEdit, onDelete }: Props) {
  const t = useText();
  const caller = useCaller();
  const mayWrite = useMay('users:write');
  const isChangeable = (one: Role) => mayWrite && !one.built_in && within(caller, one);
  const columns: readonly Column<Role>[] = [
    { key: 'name', label: t('roles.column.name'), cell: (one) => <strong>{one.name}</strong> },
    {
      key: 'scopes',
      label: t('roles.column.scopes'),
      cell: (one) => (
        <details className={styles.scopes}>
          <summary>{t('scopes.count', { count: one.scopes.length })}</summary>
          <code>{one.scopes.join(', ')}</code>
        </details>
      ),
    },
    {
      key: 'kind',
      label: t('roles.column.kind'),
      cell: (one) => (
        <Badge tone={one.built_in ? 'plain' : 'good'}>
          {one.built_in ? t('roles.built_in') : t('roles.own')}
        </Badge>
      ),
    },
  ];
  const actions: Column<Role> = {
    key: 'actions',
    label: t('roles.column.actions'),
    cell: (one) =>
      isChangeable(one) ? (
        <span className={styles.actions}>
          <Button aria-label={t('roles.edit.of', { name: one.name })} onClick={() => onEdit(one)}>
            {t('roles.edit')}
          </Button>
          <Button
            kind="danger"
            aria-label={t('roles.delete.of', { name: one.name })}
            onClick={() => onDelete(one)}
          >
            {t('common.delete')}
          </Button>
        </span>
      ) : null,
  };
  return (
    <Table
      caption={t('roles.title')}
      columns={roles.some(isChangeable) ? [...columns, actions] : columns}
      rows={roles}
      rowKey={(one) => one.name}
    />
  );
}
