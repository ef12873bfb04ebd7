/** How loud the microphone is. Moves with the voice; for those who want no motion it changes in few steps, twice a second. */

import { useEffect, useRef } from 'react';
import { useText } from '@/lib/i18n/context';
import type { Call } from '@/realtime/call';
import styles from './level-meter.module.css';

const SCALE = 4;
const CALM_STEPS = 3;
const CALM_EVERY_MS = 500;

export function LevelMeter({ call }: { readonly call: Call }) {
  const t = useText();
  const meter = useRef<HTMLMeterElement>(null);
  useEffect(() => {
    const isCalm = window.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false;
    let loudest = 0;
    let shownAt = 0;
    return call.onLevel((level) => {
      const value = Math.min(1, level * SCALE);
      loudest = Math.max(loudest, value);
      if (!meter.current || (isCalm && performance.now() - shownAt < CALM_EVERY_MS)) return;
      meter.current.value = isCalm ? Math.ceil(loudest * CALM_STEPS) / CALM_STEPS : value;
      loudest = 0;
      shownAt = performance.now();
    });
  }, [call]);
  return (
    <meter ref={meter} className={styles.meter} min={0} max={1} value={0} aria-label={t('talk.level')} />
  );
}
