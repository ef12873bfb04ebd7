/** Erasures of people: how far each is, and the certificate of those that are done. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Badge } from '@/components/badge';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { Moment } from '@/components/moment';
import { Pager } from '@/components/pager';
import { Progress } from '@/components/progress';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { knownKey } from '@/lib/i18n/messages';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { downloadJson } from './download';
import { EraseDialog } from './erase-dialog';
import styles from './privacy.module.css';
import { type Erasure, type ErasurePlace, erasuresQuery, privacyKey } from './queries';

export function ErasuresCard() {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const [place, setPlace] = useState<ErasurePlace | null>(null);
  const [asking, setAsking] = useState(false);
  const query = useQuery(erasuresQuery(useApi(), place));
  const { next_before: next, next_before_id: nextId } = query.data ?? {};
  const begun = () => {
    setAsking(false);
    toast('info', t('privacy.erase.begun'));
    void queryClient.invalidateQueries({ queryKey: privacyKey });
  };
  return (
    <Card title={t('privacy.erasures')}>
      <div className={styles.part}>
        <div>
          <Button kind="danger" onClick={() => setAsking(true)}>
            <Icon name="trash" />
            {t('privacy.erase')}
          </Button>
        </div>
        <QueryView
          query={query}
          isEmpty={(page) => page.items.length === 0}
          empty={<EmptyState title={t('privacy.erasures.empty')} />}
        >
          {(page) => <Erasures erasures={page.items} />}
        </QueryView>
        <Pager
          onNewest={place ? () => setPlace(null) : undefined}
          onNext={next && nextId ? () => setPlace({ before: next, before_id: nextId }) : undefined}
        />
      </div>
      {asking ? <EraseDialog onDone={begun} onClose={() => setAsking(false)} /> : null}
    </Card>
  );
}

function Erasures({ erasures }: { readonly erasures: readonly Erasure[] }) {
  const { t, language } = useI18n();
  const removed = (one: Erasure) =>
    Object.entries(one.removed)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name} ${formatNumber(count, language)}`)
      .join(', ');
  const columns: readonly Column<Erasure>[] = [
    {
      key: 'at',
      label: t('privacy.erasure.requested'),
      cell: (one) => <Moment at={one.requested_at} exact />,
    },
    { key: 'state', label: t('privacy.erasure.state'), cell: (one) => <State erasure={one} /> },
    {
      key: 'documents',
      label: t('privacy.erasure.documents'),
      cell: (one) => wordsOf(`privacy.documents.${one.documents}`, one.documents, t),
    },
    { key: 'removed', label: t('privacy.erasure.removed'), cell: removed },
    {
      key: 'certificate',
      label: t('privacy.erasure.certificate'),
      cell: (one) =>
        one.certificate ? (
          <Button
            aria-label={t('privacy.erasure.download.of', { id: one.erasure_id })}
            onClick={() => downloadJson(one.certificate, `${one.erasure_id}.json`)}
          >
            <Icon name="download" />
            {t('privacy.erasure.download')}
          </Button>
        ) : null,
    },
  ];
  return (
    <Table
      caption={t('privacy.erasures')}
      columns={columns}
      rows={erasures}
      rowKey={(one) => one.erasure_id}
    />
  );
}

function State({ erasure }: { readonly erasure: Erasure }) {
  const { t } = useI18n();
  const { state, step, progress } = erasure;
  const words = wordsOf(`privacy.state.${state}`, state, t);
  return (
    <span className={styles.state}>
      <Badge tone={state === 'done' ? 'good' : state === 'held' ? 'warn' : 'busy'}>{words}</Badge>
      {state === 'running' ? <Progress label={`${words} ${step}`} share={progress} /> : null}
    </span>
  );
}

/** Our words for a name of the API, else the name itself. */
function wordsOf(key: string, name: string, t: ReturnType<typeof useI18n>['t']): string {
  const known = knownKey(key);
  return known ? t(known) : name;
}
