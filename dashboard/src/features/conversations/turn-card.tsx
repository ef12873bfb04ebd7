/** One exchange: what was asked, what was answered and how much of it was heard, its sources, and where the time went. */

import { Badge, type Tone } from '@/components/badge';
import { Moment } from '@/components/moment';
import { Sources } from '@/components/sources';
import { Waterfall } from '@/components/waterfall';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { heardParts } from './heard-parts';
import type { Turn } from './queries';
import styles from './turn-card.module.css';

const TONES: Record<Turn['state'], Tone> = {
  asked: 'plain',
  answered: 'good',
  interrupted: 'warn',
  failed: 'bad',
};

export function TurnCard({ turn, number }: { readonly turn: Turn; readonly number: number }) {
  const { t } = useI18n();
  return (
    <article className={styles.card}>
      <div className={styles.top}>
        <h2>{t('turn.number', { number })}</h2>
        <span className={styles.marks}>
          <Moment at={turn.created_at} exact />
          <Badge tone={TONES[turn.state]}>
            {turn.error_code ? t('turn.failure', { code: turn.error_code }) : t(`turn.state.${turn.state}`)}
          </Badge>
        </span>
      </div>
      <div className={`${styles.said} ${styles.asked}`}>
        <span className={styles.who}>{t('turn.asked')}</span>
        {turn.asked || <span className={styles.none}>{t('turn.no_question')}</span>}
      </div>
      <Answer turn={turn} />
      {turn.citations.length > 0 ? <Sources citations={turn.citations} /> : null}
      {turn.timings ? <Waterfall timings={turn.timings} /> : null}
      <Costs turn={turn} />
    </article>
  );
}

function Answer({ turn }: { readonly turn: Turn }) {
  const { t } = useI18n();
  const { heard, unheard } = heardParts(turn);
  return (
    <div className={styles.said}>
      <span className={styles.who}>{t('turn.answer')}</span>
      {heard || unheard ? (
        <span>
          {heard}
          {unheard ? (
            <del className={styles.unheard} title={t('turn.unheard')}>
              {unheard}
            </del>
          ) : null}
        </span>
      ) : (
        <span className={styles.none}>{t('turn.no_answer')}</span>
      )}
    </div>
  );
}

function Costs({ turn }: { readonly turn: Turn }) {
  const { t, language } = useI18n();
  const { audio_in_s: heardS = 0, audio_out_s: spokenS = 0 } = turn.timings ?? {};
  const seconds = (value: number) => formatNumber(value, language, 1);
  return (
    <p className={styles.foot}>
      {turn.model ? (
        <span>
          {t('turn.model')} <code>{turn.model}</code>
        </span>
      ) : null}
      {turn.prompt_tokens + turn.completion_tokens > 0 ? (
        <span>
          {t('turn.tokens')}{' '}
          {t('turn.tokens.value', { prompt: turn.prompt_tokens, completion: turn.completion_tokens })}
        </span>
      ) : null}
      {heardS + spokenS > 0 ? (
        <span>
          {t('turn.audio')} {t('turn.audio.value', { in: seconds(heardS), out: seconds(spokenS) })}
        </span>
      ) : null}
    </p>
  );
}
