/** What the caller and the organisation may use: calls that are open now, and rates. */

import { useQuery } from '@tanstack/react-query';
import { Card } from '@/components/card';
import { Progress } from '@/components/progress';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { knownKey } from '@/lib/i18n/messages';
import { useApi } from '@/lib/services';
import styles from './analytics.module.css';
import { type Limits, limitsQuery } from './queries';

type Rate = Limits['rates'][number];

export function LimitsCard() {
  const { t } = useI18n();
  const query = useQuery(limitsQuery(useApi()));
  return (
    <Card title={t('analytics.limits')}>
      <QueryView query={query}>
        {(limits) => (
          <div className={styles.part}>
            {limits.calls.map((one) => (
              <Calls key={one.of} {...one} />
            ))}
            <p className={styles.soft}>{t('analytics.limits.hint')}</p>
            <Rates rates={limits.rates} />
          </div>
        )}
      </QueryView>
    </Card>
  );
}

function Calls({ of, most, in_use }: Limits['calls'][number]) {
  const { t } = useI18n();
  const whose = useWords()('analytics.limits.of', of);
  const label = t('analytics.limits.calls', { whose });
  const left = t('analytics.limits.left', { left: Math.max(0, most - in_use), most });
  return (
    <div className={styles.meter}>
      <p>
        <strong>{label}</strong>
        <span>{left}</span>
      </p>
      <Progress label={`${label}: ${left}`} share={most > 0 ? Math.min(1, in_use / most) : 0} />
    </div>
  );
}

function Rates({ rates }: { readonly rates: readonly Rate[] }) {
  const { t, language } = useI18n();
  const words = useWords();
  const columns: readonly Column<Rate>[] = [
    { key: 'name', label: t('analytics.rate'), cell: (one) => words('analytics.rate', one.name) },
    { key: 'of', label: t('analytics.limits.whose'), cell: (one) => words('analytics.limits.of', one.of) },
    { key: 'per', label: t('analytics.rate.per_s'), cell: (one) => formatNumber(one.per_s, language, 2) },
    { key: 'burst', label: t('analytics.rate.burst'), cell: (one) => formatNumber(one.burst, language) },
  ];
  return (
    <Table
      caption={t('analytics.limits')}
      columns={columns}
      rows={rates}
      rowKey={(one) => `${one.of} ${one.name}`}
    />
  );
}

/** Our words for a name of the API, else the name itself. */
function useWords() {
  const { t } = useI18n();
  return (stem: string, name: string) => {
    const key = knownKey(`${stem}.${name}`);
    return key ? t(key) : name;
  };
}
