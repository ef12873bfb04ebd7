/** A page of records. Everything that they name is text; what is rarely needed is folded. */

import { Badge } from '@/components/badge';
import { Facts } from '@/components/facts';
import { Moment } from '@/components/moment';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import styles from './audit-table.module.css';
import type { Entry } from './queries';

const TONES: Readonly<Record<string, 'bad' | 'good'>> = {
  access_denied: 'bad',
  sign_in_failed: 'bad',
  refresh_token_reused: 'bad',
  signed_in: 'good',
};

export function AuditTable({ entries }: { readonly entries: readonly Entry[] }) {
  const t = useText();
  const columns: readonly Column<Entry>[] = [
    {
      key: 'action',
      label: t('audit.column.action'),
      cell: (one) => <Badge tone={TONES[one.action] ?? 'plain'}>{one.action}</Badge>,
    },
    { key: 'at', label: t('audit.column.at'), cell: (one) => <Moment at={one.at} exact /> },
    {
      key: 'subject',
      label: t('audit.column.subject'),
      cell: (one) => <code className={styles.id}>{one.subject}</code>,
    },
    {
      key: 'object',
      label: t('audit.column.object'),
      cell: (one) => <code className={styles.id}>{one.object_id}</code>,
    },
    { key: 'more', label: t('audit.column.more'), cell: (one) => <More entry={one} /> },
  ];
  return (
    <Table
      caption={t('audit.title')}
      columns={columns}
      rows={entries}
      rowKey={(one) => String(one.sequence)}
    />
  );
}

function More({ entry }: { readonly entry: Entry }) {
  const t = useText();
  return (
    <details className={styles.more}>
      <summary>{t('audit.record', { number: String(entry.sequence) })}</summary>
      <Facts
        facts={[
          ...Object.entries(entry.data).map(([name, value]) => [name, String(value)] as const),
          [t('audit.filter.request_id'), <code key="request">{entry.request_id}</code>],
          [t('audit.sha256'), <code key="sha256">{entry.sha256}</code>],
        ]}
      />
    </details>
  );
}
