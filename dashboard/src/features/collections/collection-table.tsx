/** Collections, who may read them, and what can be done with each. */

import { Button } from '@/components/button';
import { Moment } from '@/components/moment';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import styles from './collections.module.css';
import type { Collection } from './queries';

interface Props {
  readonly collections: readonly Collection[];
  /** Undefined for those who may not. */
  readonly onChange: ((collection: Collection) => void) | undefined;
  readonly onDelete: ((collection: Collection) => void) | undefined;
}

export function CollectionTable({ collections, onChange, onDelete }: Props) {
  const t = useText();
  const deeds: Column<Collection> = {
    key: 'deeds',
    label: t('collections.deeds'),
    cell: (one) => (
      <span className={styles.deeds}>
        <Button aria-label={t('collections.change.of', { name: one.name })} onClick={() => onChange?.(one)}>
          {t('collections.change')}
        </Button>
        <Button
          kind="danger"
          aria-label={t('collections.delete.of', { name: one.name })}
          onClick={() => onDelete?.(one)}
        >
          {t('common.delete')}
        </Button>
      </span>
    ),
  };
  const columns: readonly Column<Collection>[] = [
    {
      key: 'name',
      label: t('collections.name'),
      cell: (one) => (
        <span className={styles.name}>
          <strong>{one.name}</strong>
          <code className={styles.soft}>{one.collection_id}</code>
        </span>
      ),
    },
    {
      key: 'readers',
      label: t('collections.readers'),
      cell: (one) => (
        <span className={styles.words}>{one.reader_ids.join(', ') || t('collections.readers.all')}</span>
      ),
    },
    { key: 'created', label: t('collections.created'), cell: (one) => <Moment at={one.created_at} /> },
    ...(onChange && onDelete ? [deeds] : []),
  ];
  return (
    <Table
      caption={t('collections.title')}
      columns={columns}
      rows={collections}
      rowKey={(one) => one.collection_id}
    />
  );
}
