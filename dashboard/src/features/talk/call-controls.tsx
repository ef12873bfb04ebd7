/** The one big button, what is going on, and the microphone. */

import type { Ref } from 'react';
import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { useText } from '@/lib/i18n/context';
import type { Call } from '@/realtime/call';
import type { CallView } from '@/realtime/call-view';
import { activityOf } from './activity';
import styles from './call-controls.module.css';
import { LevelMeter } from './level-meter';

interface Props {
  readonly call: Call;
  readonly view: CallView;
  readonly buttonRef: Ref<HTMLButtonElement>;
  readonly onStart: () => void;
}

export function CallControls({ call, view, buttonRef, onStart }: Props) {
  const t = useText();
  const isOn = view.phase !== 'idle' && view.phase !== 'ended';
  const activity = activityOf(view);
  return (
    <section className={styles.panel} aria-label={t('talk.controls')}>
      <button
        ref={buttonRef}
        type="button"
        className={`${styles.big} ${isOn ? styles.end : styles.start}`}
        onClick={isOn ? () => call.end() : onStart}
      >
        <Icon name={isOn ? 'close' : 'talk'} size={26} />
        {t(isOn ? 'talk.end' : 'talk.start')}
      </button>
      <p className={styles.activity} data-activity={activity}>
        <span className={styles.light} aria-hidden="true" />
        {t(`talk.activity.${activity}`)}
      </p>
      {view.microphone === 'on' ? (
        <div className={styles.microphone}>
          <LevelMeter call={call} />
          <Button aria-pressed={view.muted} onClick={() => call.mute(!view.muted)}>
            {t('talk.mute')}
          </Button>
        </div>
      ) : null}
    </section>
  );
}
