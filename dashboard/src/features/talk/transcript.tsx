/** What both sides said, as it is heard. It follows the newest line unless somebody scrolled away from it. */

import { useEffect, useRef } from 'react';
import { useText } from '@/lib/i18n/context';
import type { Lines } from '@/realtime/transcript';
import styles from './transcript.module.css';
import { TranscriptLine } from './transcript-line';

const NEAR_PX = 80;

export function Transcript({ lines }: { readonly lines: Lines }) {
  const t = useText();
  const log = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    if (lines.length > 0 && follows.current && log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [lines]);
  const scrolled = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = log.current ?? {};
    follows.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
  };
  // Not read out by itself: the agent says it aloud, and the microphone would hear a screen reader.
  return (
    <div
      ref={log}
      className={styles.log}
      role="log"
      aria-live="off"
      aria-label={t('talk.transcript')}
      tabIndex={0}
      onScroll={scrolled}
    >
      {lines.length === 0 ? <p className={styles.none}>{t('talk.transcript.empty')}</p> : null}
      <ol className={styles.lines}>
        {lines.map((line) => (
          <TranscriptLine key={line.itemId} line={line} />
        ))}
      </ol>
    </div>
  );
}
