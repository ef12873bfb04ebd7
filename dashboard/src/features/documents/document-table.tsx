/** A page of documents. */

import { Link } from '@tanstack/react-router';
import { Moment } from '@/components/moment';
import { type Column, Table } from '@/components/table';
import { formatBytes, formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import styles from './document-table.module.css';
import type { Document } from './queries';
import { StateBadge } from './state-badge';

export function DocumentTable({ documents }: { readonly documents: readonly Document[] }) {
  const { t, language } = useI18n();
  const columns: readonly Column<Document>[] = [
    {
      key: 'title',
      label: t('documents.column.title'),
      cell: (one) => (
        <span className={styles.title}>
          <Link to="/documents/$documentId" params={{ documentId: one.document_id }}>
            {one.title || one.file_name}
          </Link>
          {one.title && one.title !== one.file_name ? (
            <span className={styles.file}>{one.file_name}</span>
          ) : null}
        </span>
      ),
    },
    {
      key: 'state',
      label: t('documents.column.state'),
      cell: (one) => (
        <span className={styles.state}>
          <StateBadge document={one} />
        </span>
      ),
    },
    { key: 'kind', label: t('documents.column.kind'), cell: (one) => one.kind },
    {
      key: 'pages',
      label: t('documents.column.pages'),
      cell: (one) => (one.page_count ? formatNumber(one.page_count, language) : ''),
    },
    {
      key: 'size',
      label: t('documents.column.size'),
      cell: (one) => formatBytes(one.size_bytes, language),
    },
    {
      key: 'created',
      label: t('documents.column.created'),
      cell: (one) => <Moment at={one.created_at} />,
    },
  ];
  return (
    <Table
      caption={t('documents.title')}
      columns={columns}
      rows={documents}
      rowKey={(one) => one.document_id}
    />
  );
}
