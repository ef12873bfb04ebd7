/** One service: whether it lives, whether it can work, how fast it answered, and what it needs. */

import { useId } from 'react';
import { Badge } from '@/components/badge';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { knownKey } from '@/lib/i18n/messages';
import type { ServiceHealth } from './queries';
import styles from './service-card.module.css';

export function ServiceCard({ name, health }: { readonly name: string; readonly health: ServiceHealth }) {
  const { t, language } = useI18n();
  const id = useId();
  const title = knownKey(`health.service.${name}`);
  const about = knownKey(`health.about.${name}`);
  const ready = health.status === 'ok';
  const parts = Object.entries(health.parts);
  return (
    <section className={styles.card} aria-labelledby={id}>
      <div>
        <h2 id={id}>{title ? t(title) : name}</h2>
        {about ? <p className={styles.about}>{t(about)}</p> : null}
      </div>
      <div className={styles.states}>
        <Badge tone={health.live ? 'good' : 'bad'}>
          {t(health.live ? 'health.live' : 'health.not_live')}
        </Badge>
        <Badge tone={ready ? 'good' : 'bad'}>{t(ready ? 'health.ready' : 'health.not_ready')}</Badge>
      </div>
      {typeof health.latency_ms === 'number' ? (
        <p className={styles.row}>
          <span>{t('health.answered_in')}</span>
          <span className={styles.latency}>{formatNumber(health.latency_ms, language, 1)} ms</span>
        </p>
      ) : null}
      {parts.length > 0 ? (
        <ul className={styles.parts} aria-label={t('health.parts')}>
          {parts.map(([part, answers]) => (
            <li key={part} className={styles.row}>
              <span>{part}</span>
              <span className={answers ? styles.ok : styles.missing}>
                {t(answers ? 'health.part.ok' : 'health.part.missing')}
              </span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
