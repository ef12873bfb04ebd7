/** How long answers take, stage by stage: the middle and the slow end. Drawn for the eye; the figures stand in a table under it. */

import { useText } from '@/lib/i18n/context';
import styles from './charts.module.css';
import type { Delay } from './measures';

const ROW = 40;

export function StageBars({ delays }: { readonly delays: readonly Delay[] }) {
  const t = useText();
  const most = Math.max(1, ...delays.map((one) => one.p95_ms));
  const wide = (ms: number) => `${(100 * Math.max(ms, 0)) / most}%`;
  return (
    <div aria-hidden="true">
      <ul className={styles.legend}>
        <li>
          <span className={`${styles.swatch} ${styles.first}`} />
          {t('analytics.delay.p50')}
        </li>
        <li>
          <span className={`${styles.swatch} ${styles.far}`} />
          {t('analytics.delay.p95')}
        </li>
      </ul>
      <svg
        className={styles.chart}
        width="100%"
        height={delays.length * ROW}
        aria-hidden="true"
        focusable="false"
      >
        {delays.map((one, index) => (
          <g key={one.stage}>
            <text x="0" y={index * ROW + 14} className={styles.mark}>
              {t(`turn.stage.${one.stage}`)}
            </text>
            <rect
              x="0"
              y={index * ROW + 20}
              width={wide(one.p95_ms)}
              height="12"
              rx="2"
              className={styles.far}
            />
            <rect
              x="0"
              y={index * ROW + 20}
              width={wide(one.p50_ms)}
              height="12"
              rx="2"
              className={styles.first}
            />
          </g>
        ))}
      </svg>
    </div>
  );
}
