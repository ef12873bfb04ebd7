/** Where the time between a question and its answer went: one bar a stage. The numbers stand beside the bars, so that nobody needs to see them. */

import { useId } from 'react';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { type Span, spansOf, type Timings } from './stages';
import styles from './waterfall.module.css';

export function Waterfall({ timings }: { readonly timings: Timings }) {
  const { t, language } = useI18n();
  const id = useId();
  const spans = spansOf(timings);
  const whole_ms = spans.at(-1)?.at_ms ?? 0;
  if (spans.length === 0) return null;
  return (
    <figure className={styles.figure} aria-labelledby={id}>
      <div className={styles.head}>
        <h3 id={id}>{t('turn.latency')}</h3>
        <span className={styles.hint}>{t('turn.latency.hint')}</span>
      </div>
      <ol className={styles.rows}>
        {spans.map((span) => (
          <li key={span.stage} className={styles.row}>
            <span>{t(`turn.stage.${span.stage}`)}</span>
            <span className={styles.track} aria-hidden="true">
              <span className={styles.bar} data-stage={span.stage} style={placeOf(span, whole_ms)} />
            </span>
            <span className={styles.at}>{formatNumber(span.at_ms, language)} ms</span>
          </li>
        ))}
      </ol>
      {typeof timings.retrieval_ms === 'number' ? (
        <p className={styles.hint}>{t('turn.retrieval', { ms: Math.round(timings.retrieval_ms) })}</p>
      ) : null}
    </figure>
  );
}

function placeOf(span: Span, whole_ms: number) {
  const percent = (ms: number) => `${Math.max(0, Math.min(100, (100 * ms) / Math.max(whole_ms, 1)))}%`;
  return { insetInlineStart: percent(span.begins_ms), width: percent(span.took_ms) };
}
