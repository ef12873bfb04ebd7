/** The audit log: who did what, when, newest first. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { buttonClass } from '@/components/button-class';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { PageHeader } from '@/components/page-header';
import { Pager } from '@/components/pager';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useServices } from '@/lib/services';
import { AuditTable } from './audit-table';
import { FilterForm } from './filter-form';
import { auditQuery, exportAddress } from './queries';

const route = getRouteApi('/shell/audit');
const FORMATS = [
  ['csv', 'CSV'],
  ['jsonl', 'JSON Lines'],
] as const;

export function AuditPage() {
  const t = useText();
  const { api, session } = useServices();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(auditQuery(api, search));
  const { before, ...filters } = search;
  const next = query.data?.next_before;
  const exports = FORMATS.map(([format, name]) => (
    <a
      key={format}
      className={buttonClass()}
      href={exportAddress(session.gateway, filters, format)}
      download={`audit.${format}`}
    >
      <Icon name="download" />
      {t('audit.export', { format: name })}
    </a>
  ));
  return (
    <>
      <PageHeader title={t('audit.title')} lead={t('audit.lead')} actions={exports} />
      <FilterForm filters={filters} onChange={(changed) => void navigate({ search: changed })} />
      <QueryView
        query={query}
        isEmpty={(page) => page.items.length === 0}
        empty={<EmptyState icon="audit" title={t('audit.empty')} hint={t('audit.empty.hint')} />}
      >
        {(page) => <AuditTable entries={page.items} />}
      </QueryView>
      <Pager
        onNewest={before ? () => void navigate({ search: filters }) : undefined}
        onNext={next ? () => void navigate({ search: { ...filters, before: next } }) : undefined}
      />
    </>
  );
}
