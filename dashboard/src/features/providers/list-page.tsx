/** Every provider by its kind, in the order in which they are tried. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { AddDialog } from './add-dialog';
import { priceWords } from './price';
import styles from './providers.module.css';
import { KINDS, type Provider, providersKey, providersQuery } from './queries';
import { StateBadge } from './state-badge';

export function ListPage() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const query = useQuery(providersQuery(useApi()));
  const [adding, setAdding] = useState(false);
  const add = useMay('settings:write') ? (
    <Button kind="primary" onClick={() => setAdding(true)}>
      {t('providers.add')}
    </Button>
  ) : null;
  const added = ({ name }: Provider) => {
    setAdding(false);
    toast('good', t('providers.added', { name }));
    void queryClient.invalidateQueries({ queryKey: providersKey });
    void navigate({ to: '/providers/$name', params: { name } });
  };
  return (
    <>
      <PageHeader title={t('providers.title')} lead={t('providers.lead')} actions={add} />
      <QueryView
        query={query}
        isEmpty={(providers) => providers.length === 0}
        empty={<EmptyState icon="providers" title={t('providers.empty')} action={add} />}
      >
        {(providers) => (
          <div className={styles.kinds}>
            {KINDS.map((kind) => (
              <section key={kind} aria-labelledby={`kind-${kind}`}>
                <h2 id={`kind-${kind}`} className={styles.kind}>
                  {t(`providers.kind.${kind}`)}
                </h2>
                <KindTable providers={providers.filter((one) => one.kind === kind)} kind={kind} />
              </section>
            ))}
          </div>
        )}
      </QueryView>
      {adding ? <AddDialog onDone={added} onClose={() => setAdding(false)} /> : null}
    </>
  );
}

interface Props {
  readonly kind: Provider['kind'];
  readonly providers: readonly Provider[];
}

function KindTable({ kind, providers }: Props) {
  const { t, language } = useI18n();
  if (providers.length === 0) return <p className={styles.soft}>{t('providers.kind.none')}</p>;
  const roles: Column<Provider> = {
    key: 'roles',
    label: t('providers.field.roles'),
    cell: (one) => one.roles.join(', '),
  };
  const columns: readonly Column<Provider>[] = [
    {
      key: 'name',
      label: t('providers.field.name'),
      cell: (one) => (
        <span className={styles.name}>
          <Link to="/providers/$name" params={{ name: one.name }}>
            {one.name}
          </Link>
          <span className={styles.soft}>{one.capabilities?.model ?? ''}</span>
        </span>
      ),
    },
    { key: 'state', label: t('providers.field.state'), cell: (one) => <StateBadge provider={one} /> },
    ...(kind === 'llm' ? [roles] : []),
    {
      key: 'priority',
      label: t('providers.field.priority'),
      cell: (one) => formatNumber(one.priority, language),
    },
    { key: 'price', label: t('providers.field.price'), cell: (one) => priceWords(one, t, language) },
    {
      key: 'first',
      label: t('providers.field.first'),
      cell: (one) => (one.first_token_ms === null ? '' : `${formatNumber(one.first_token_ms, language)} ms`),
    },
  ];
  return (
    <Table
      caption={t(`providers.kind.${kind}`)}
      columns={columns}
      rows={providers}
      rowKey={(one) => one.name}
    />
  );
}
