/** How the platform is used, how soon it answers, and what that costs. Each part tells what its figures rest on. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { Notice } from '@/components/notice';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import styles from './analytics.module.css';
import { LimitsCard } from './limits-card';
import { analyticsKey, SAMPLE, SAMPLES, sampleQuery } from './queries';
import { SampleCards } from './sample-cards';
import { UsageCard } from './usage-card';

const route = getRouteApi('/shell/analytics');

export function AnalyticsPage() {
  const t = useText();
  const queryClient = useQueryClient();
  const mayRead = useMay('conversations:read');
  const size = route.useSearch().sample ?? SAMPLE;
  const navigate = route.useNavigate();
  const choose = (value: string) => {
    const sample = SAMPLES.find((one) => String(one) === value) ?? SAMPLE;
    void navigate({ search: sample === SAMPLE ? {} : { sample } });
  };
  const actions = (
    <>
      {mayRead ? (
        <SelectField
          label={t('analytics.sample.size')}
          value={String(size)}
          options={SAMPLES.map((one) => [String(one), String(one)])}
          onChange={choose}
        />
      ) : null}
      <Button onClick={() => void queryClient.invalidateQueries({ queryKey: analyticsKey })}>
        <Icon name="refresh" />
        {t('common.refresh')}
      </Button>
    </>
  );
  return (
    <>
      <PageHeader title={t('analytics.title')} lead={t('analytics.lead')} actions={actions} />
      {mayRead ? (
        <Conversations size={size} />
      ) : (
        <div className={styles.sample}>
          <Notice tone="info">{t('analytics.sample.refused')}</Notice>
        </div>
      )}
      <div className={styles.stack}>
        <UsageCard />
        <LimitsCard />
      </div>
    </>
  );
}

function Conversations({ size }: { readonly size: number }) {
  const t = useText();
  const query = useQuery(sampleQuery(useApi(), size));
  return (
    <div className={styles.sample}>
      <QueryView
        query={query}
        isEmpty={(sample) => sample.seen.length === 0}
        empty={<EmptyState icon="analytics" title={t('analytics.empty')} hint={t('analytics.empty.hint')} />}
      >
        {(sample) => <SampleCards sample={sample} />}
      </QueryView>
    </div>
  );
}
