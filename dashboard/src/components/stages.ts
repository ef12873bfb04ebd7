/** The timings of a turn as spans one after the other: each stage begins where the one before it ended. Pure. */

import type { components } from '@/api/generated/schema';

export type Timings = components['schemas']['TurnTimings'];

export const STAGES = [
  'soft_end',
  'transcript',
  'committed',
  'first_token',
  'first_clause',
  'first_audio',
] as const;
export type Stage = (typeof STAGES)[number];

/** Milliseconds since the last voiced sample; took_ms: since the stage before. */
export interface Span {
  readonly stage: Stage;
  readonly begins_ms: number;
  readonly at_ms: number;
  readonly took_ms: number;
}

/** Stages that happened, in the order in which they did: with guesses made early, words may be known before silence is noticed. */
export function spansOf(timings: Timings): readonly Span[] {
  const happened = STAGES.flatMap((stage) => {
    const at_ms = timings[`${stage}_ms`];
    return typeof at_ms === 'number' ? [{ stage, at_ms }] : [];
  }).sort((one, other) => one.at_ms - other.at_ms);
  let before_ms = 0;
  return happened.map(({ stage, at_ms }) => {
    const begins_ms = Math.min(before_ms, at_ms);
    before_ms = Math.max(0, at_ms);
    return { stage, begins_ms, at_ms, took_ms: at_ms - begins_ms };
  });
}
