/** One side's words: as far as they were heard, with where they come from and how long they took. */

import { Badge } from '@/components/badge';
import { Sources } from '@/components/sources';
import { Waterfall } from '@/components/waterfall';
import { useText } from '@/lib/i18n/context';
import { heardText, type Line } from '@/realtime/transcript';
import styles from './transcript.module.css';

export function TranscriptLine({ line }: { readonly line: Line }) {
  const t = useText();
  const first_ms = line.timings?.first_audio_ms;
  return (
    <li className={styles.line} data-role={line.role}>
      <span className={styles.who}>
        {t(line.role === 'user' ? 'talk.you' : 'talk.they')}
        {line.state === 'cut' ? <Badge tone="warn">{t('talk.interrupted')}</Badge> : null}
      </span>
      {line.state === 'unclear' ? (
        <span className={styles.none}>{t('talk.unclear')}</span>
      ) : (
        <span className={styles.words}>
          {heardText(line) || '…'}
          {line.unheard ? <del className={styles.unheard}>{line.unheard}</del> : null}
        </span>
      )}
      {line.citations.length > 0 ? <Sources citations={line.citations} apart /> : null}
      {line.timings && typeof first_ms === 'number' ? (
        <details className={styles.times}>
          <summary>{t('talk.answer_after', { ms: Math.round(first_ms) })}</summary>
          <Waterfall timings={line.timings} />
        </details>
      ) : null}
    </li>
  );
}
