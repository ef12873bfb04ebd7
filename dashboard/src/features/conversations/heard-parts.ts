/** What of an answer was heard and what was not. Pure. */

import type { Turn } from './queries';

/** Together they are the answer; `heard` is told alone where it is no beginning of it. */
export function heardParts(turn: Pick<Turn, 'answer' | 'heard' | 'state'>): {
  heard: string;
  unheard: string;
} {
  const { answer, heard, state } = turn;
  if (state !== 'interrupted') return { heard: heard || answer, unheard: '' };
  if (!answer.startsWith(heard)) return { heard, unheard: '' };
  return { heard, unheard: answer.slice(heard.length) };
}
