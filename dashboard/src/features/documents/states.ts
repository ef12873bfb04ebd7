/** The states of a document, and how each is shown. Pure. */

import type { Tone } from '@/components/badge';

export const STATES = ['queued', 'parsing', 'embedding', 'ready', 'failed'] as const;
export type State = (typeof STATES)[number];

const TONES: Record<State, Tone> = {
  queued: 'plain',
  parsing: 'busy',
  embedding: 'busy',
  ready: 'good',
  failed: 'bad',
};

export function isState(value: string): value is State {
  return STATES.some((one) => one === value);
}

export function toneOf(state: State): Tone {
  return TONES[state];
}

/** Whether it becomes another state by itself. */
export function isUnderWay(state: string): boolean {
  return state === 'queued' || state === 'parsing' || state === 'embedding';
}
