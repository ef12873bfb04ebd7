/** Bars by day, drawn for the eye; the figures stand in a table under them. */

import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import styles from './charts.module.css';

export interface Series {
  readonly label: string;
  readonly tone: 'first' | 'second' | 'third';
  /** One a day. */
  readonly values: readonly number[];
}

interface Props {
  /** Words for the days, oldest first. */
  readonly days: readonly string[];
  readonly series: readonly Series[];
}

const TALL = 120;
const TOP = 18;

export function DayBars({ days, series }: Props) {
  const { language } = useI18n();
  const most = Math.max(1, ...series.flatMap((one) => one.values));
  const slot = 100 / Math.max(days.length, 4);
  const wide = (slot * 0.76) / series.length;
  const percent = (value: number) => `${value}%`;
  return (
    <div aria-hidden="true">
      <ul className={styles.legend}>
        {series.map((one) => (
          <li key={one.label}>
            <span className={`${styles.swatch} ${styles[one.tone]}`} />
            {one.label}
          </li>
        ))}
      </ul>
      <svg
        className={styles.chart}
        width="100%"
        height={TOP + TALL + 22}
        aria-hidden="true"
        focusable="false"
      >
        <line x1="0" x2="100%" y1={TOP} y2={TOP} className={styles.grid} />
        <line x1="0" x2="100%" y1={TOP + TALL} y2={TOP + TALL} className={styles.axis} />
        <text x="0" y={TOP - 5} className={styles.mark}>
          {formatNumber(most, language)}
        </text>
        {days.map((day, index) =>
          series.map((one, place) => {
            const value = one.values[index] ?? 0;
            const height = (TALL * value) / most;
            return value > 0 ? (
              <rect
                key={`${day}-${one.label}`}
                className={styles[one.tone]}
                x={percent(index * slot + slot * 0.12 + place * wide)}
                width={percent(wide)}
                y={TOP + TALL - height}
                height={height}
                rx="1.5"
              />
            ) : null;
          }),
        )}
        <text x="0" y={TOP + TALL + 16} className={styles.mark}>
          {days[0]}
        </text>
        {days.length > 1 ? (
          <text x={percent(days.length * slot)} y={TOP + TALL + 16} textAnchor="end" className={styles.mark}>
            {days.at(-1)}
          </text>
        ) : null}
      </svg>
    </div>
  );
}
