/** This month's tokens and cost, by model, against the budget. */

import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { Notice } from '@/components/notice';
import { Progress } from '@/components/progress';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import styles from './analytics.module.css';
import { BudgetDialog } from './budget-dialog';
import { DayBars } from './day-bars';
import { costWords, dayWords } from './figures';
import { byModel, type ModelUsage, tokensByDay } from './measures';
import { type Usage, usageQuery } from './queries';

export function UsageCard() {
  const { t } = useI18n();
  const query = useQuery(usageQuery(useApi()));
  return (
    <Card title={t('analytics.usage')}>
      <QueryView query={query}>{(usage) => <Used usage={usage} />}</QueryView>
    </Card>
  );
}

function Used({ usage }: { readonly usage: Usage }) {
  const { t, language } = useI18n();
  const [changing, setChanging] = useState(false);
  const mayChange = useMay('settings:write');
  const days = tokensByDay(usage);
  const words = (value: number) => formatNumber(value, language);
  const money = (value: number) => costWords(value, language);
  return (
    <div className={styles.part}>
      <p className={styles.soft}>{t('analytics.usage.since', { day: dayWords(usage.since, language) })}</p>
      {usage.spent ? <Notice tone="bad">{t('analytics.budget.spent')}</Notice> : null}
      <Meter label={t('analytics.tokens')} used={usage.tokens} most={usage.budget.tokens} words={words} />
      <Meter label={t('analytics.cost')} used={usage.cost} most={usage.budget.cost} words={money} />
      {mayChange ? (
        <div>
          <Button onClick={() => setChanging(true)}>{t('analytics.budget.change')}</Button>
        </div>
      ) : null}
      {usage.rows.length === 0 ? (
        <p className={styles.soft}>{t('analytics.usage.none')}</p>
      ) : (
        <>
          <DayBars
            days={days.map((one) => dayWords(one.day, language))}
            series={[
              { label: t('analytics.tokens.day'), tone: 'first', values: days.map((one) => one.tokens) },
            ]}
          />
          <Models usage={usage} />
          <TokenDays usage={usage} />
        </>
      )}
      {changing ? <BudgetDialog budget={usage.budget} onClose={() => setChanging(false)} /> : null}
    </div>
  );
}

interface MeterProps {
  readonly label: string;
  readonly used: number;
  /** 0: no limit. */
  readonly most: number;
  readonly words: (value: number) => string;
}

function Meter({ label, used, most, words }: MeterProps) {
  const { t } = useI18n();
  const said = most > 0 ? t('analytics.budget.of', { used: words(used), most: words(most) }) : words(used);
  return (
    <div className={styles.meter}>
      <p>
        <strong>{label}</strong>
        <span>
          {said}
          {most > 0 ? null : <span className={styles.soft}> · {t('analytics.budget.none')}</span>}
        </span>
      </p>
      {most > 0 ? <Progress label={`${label}: ${said}`} share={Math.min(1, used / most)} /> : null}
    </div>
  );
}

function Models({ usage }: { readonly usage: Usage }) {
  const { t, language } = useI18n();
  const number = (value: number) => formatNumber(value, language);
  const columns: readonly Column<ModelUsage>[] = [
    { key: 'model', label: t('analytics.model'), cell: (one) => <code>{one.provider}</code> },
    { key: 'calls', label: t('analytics.model.calls'), cell: (one) => number(one.calls) },
    { key: 'in', label: t('analytics.tokens.in'), cell: (one) => number(one.prompt_tokens) },
    { key: 'out', label: t('analytics.tokens.out'), cell: (one) => number(one.completion_tokens) },
    { key: 'cost', label: t('analytics.cost'), cell: (one) => costWords(one.cost, language) },
  ];
  return (
    <Table
      caption={t('analytics.usage')}
      columns={columns}
      rows={byModel(usage.rows)}
      rowKey={(one) => one.provider}
    />
  );
}

function TokenDays({ usage }: { readonly usage: Usage }) {
  const { t, language } = useI18n();
  const days = tokensByDay(usage);
  const columns: readonly Column<(typeof days)[number]>[] = [
    { key: 'day', label: t('analytics.day'), cell: (one) => dayWords(one.day, language) },
    { key: 'tokens', label: t('analytics.tokens'), cell: (one) => formatNumber(one.tokens, language) },
  ];
  return (
    <details className={styles.numbers}>
      <summary>{t('analytics.numbers')}</summary>
      <Table
        caption={t('analytics.tokens.day')}
        columns={columns}
        rows={[...days].reverse()}
        rowKey={(one) => one.day}
      />
    </details>
  );
}
