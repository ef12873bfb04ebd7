/** What the last conversations tell: use by day, delay by stage, how turns ended. */

import { Card } from '@/components/card';
import { Facts } from '@/components/facts';
import { type Column, Table } from '@/components/table';
import { formatMoment, formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import styles from './analytics.module.css';
import { DayBars } from './day-bars';
import { dayWords, shareWords } from './figures';
import { type Day, type Delay, daysOf, delaysOf, endsOf } from './measures';
import { MOST_TURNS, type Sample } from './queries';
import { StageBars } from './stage-bars';

type Props = { readonly sample: Sample };

export function SampleCards({ sample }: Props) {
  return (
    <>
      <Basis sample={sample} />
      <div className={styles.grid}>
        <div className={styles.stack}>
          <Days sample={sample} />
          <Ends sample={sample} />
        </div>
        <Delays sample={sample} />
      </div>
    </>
  );
}

/** What the figures rest on, said before any of them. */
function Basis({ sample }: Props) {
  const { t, language } = useI18n();
  const turns = sample.seen.reduce((sum, one) => sum + one.turns.length, 0);
  const since = sample.seen.map((one) => one.conversation.updated_at).sort()[0] ?? '';
  const cut = sample.seen.some((one) => one.conversation.turn_count > one.turns.length);
  return (
    <p className={`${styles.soft} ${styles.sample}`}>
      {t(sample.whole ? 'analytics.sample.whole' : 'analytics.sample.last', {
        count: sample.seen.length,
        turns,
        since: formatMoment(new Date(since), language),
      })}{' '}
      {cut ? `${t('analytics.sample.cut', { most: MOST_TURNS })} ` : ''}
      {t('analytics.utc')}
    </p>
  );
}

function Days({ sample }: Props) {
  const { t, language } = useI18n();
  const days = daysOf(sample);
  const number = (value: number) => formatNumber(value, language);
  const columns: readonly Column<Day>[] = [
    { key: 'day', label: t('analytics.day'), cell: (one) => dayWords(one.day, language) },
    { key: 'calls', label: t('analytics.calls'), cell: (one) => number(one.calls) },
    { key: 'texts', label: t('analytics.texts'), cell: (one) => number(one.texts) },
    { key: 'turns', label: t('analytics.turns'), cell: (one) => number(one.turns) },
  ];
  return (
    <Card title={t('analytics.days')}>
      <div className={styles.part}>
        <DayBars
          days={days.map((one) => dayWords(one.day, language))}
          series={[
            { label: t('analytics.calls'), tone: 'first', values: days.map((one) => one.calls) },
            { label: t('analytics.texts'), tone: 'second', values: days.map((one) => one.texts) },
            { label: t('analytics.turns'), tone: 'third', values: days.map((one) => one.turns) },
          ]}
        />
        {sample.whole ? null : <p className={styles.soft}>{t('analytics.days.first')}</p>}
        <details className={styles.numbers} open={days.length <= 7}>
          <summary>{t('analytics.numbers')}</summary>
          <Table
            caption={t('analytics.days')}
            columns={columns}
            rows={[...days].reverse()}
            rowKey={(one) => one.day}
          />
        </details>
      </div>
    </Card>
  );
}

function Delays({ sample }: Props) {
  const { t, language } = useI18n();
  const delays = delaysOf(sample);
  const ms = (value: number) => `${formatNumber(value, language)} ms`;
  const columns: readonly Column<Delay>[] = [
    { key: 'stage', label: t('analytics.stage'), cell: (one) => t(`turn.stage.${one.stage}`) },
    { key: 'p50', label: 'p50', cell: (one) => ms(one.p50_ms) },
    { key: 'p95', label: 'p95', cell: (one) => ms(one.p95_ms) },
    { key: 'count', label: t('analytics.turns'), cell: (one) => formatNumber(one.count, language) },
  ];
  return (
    <Card title={t('analytics.delay')}>
      {delays.length === 0 ? (
        <p className={styles.soft}>{t('analytics.delay.none')}</p>
      ) : (
        <div className={styles.part}>
          <p className={styles.soft}>{t('analytics.delay.hint')}</p>
          <StageBars delays={delays} />
          <Table caption={t('analytics.delay')} columns={columns} rows={delays} rowKey={(one) => one.stage} />
        </div>
      )}
    </Card>
  );
}

function Ends({ sample }: Props) {
  const { t, language } = useI18n();
  const ends = endsOf(sample);
  const share = (part: number) => shareWords(part, ends.whole, language);
  return (
    <Card title={t('analytics.ends')}>
      {ends.whole === 0 ? (
        <p className={styles.soft}>{t('analytics.ends.none')}</p>
      ) : (
        <div className={styles.part}>
          <Facts
            facts={[
              [t('turn.state.answered'), share(ends.answered)],
              [t('turn.state.interrupted'), share(ends.interrupted)],
              [t('turn.state.failed'), share(ends.failed)],
            ]}
          />
          <p className={styles.soft}>{t('analytics.ends.hint', { count: ends.whole })}</p>
        </div>
      )}
    </Card>
  );
}
