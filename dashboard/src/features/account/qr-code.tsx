/** A text for the camera of a telephone. Drawn as one path: nothing is loaded, and nothing needs leave of the page's policy. */

import encodeQR from 'qr';
import styles from './qr-code.module.css';

/** In modules, on every side: ISO/IEC 18004 asks for four. */
const QUIET = 4;

interface Props {
  readonly text: string;
  /** What it is, for who cannot see it. */
  readonly label: string;
}

export function QrCode({ text, label }: Props) {
  const rows = encodeQR(text, 'raw', { ecc: 'medium', border: QUIET });
  return (
    <svg className={styles.code} viewBox={`0 0 ${rows.length} ${rows.length}`} role="img" aria-label={label}>
      <path d={rows.map(strokes).join('')} />
    </svg>
  );
}

/** The dark runs of a row. */
function strokes(row: readonly boolean[], y: number): string {
  const text = row.map((dark) => (dark ? '#' : ' ')).join('');
  return [...text.matchAll(/#+/g)]
    .map(({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`)
    .join('');
}
