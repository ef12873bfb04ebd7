/** What both sides said, line by line, and what of it has been heard. Pure. */

import type { Citation, Timings } from './wire';

/** atMs: where the words are heard in the answer's sound; null when they are not spoken. */
export interface Piece {
  readonly text: string;
  readonly atMs: number | null;
}

/** growing: more comes.  cut: interrupted; `unheard` was not heard.  unclear: no words were made out. */
export interface Line {
  readonly itemId: string;
  readonly role: 'user' | 'assistant';
  readonly state: 'growing' | 'whole' | 'cut' | 'unclear';
  readonly pieces: readonly Piece[];
  /** How much of the sound the loudspeaker has played. */
  readonly playedMs: number;
  readonly unheard: string;
  readonly citations: readonly Citation[];
  readonly timings: Timings | null;
}

export type Lines = readonly Line[];

/** The loudspeaker reports every 100 ms: words that begin until the next report are being heard. */
const REPORT_MS = 100;

export function textOf(line: Line): string {
  return line.pieces.map((piece) => piece.text).join('');
}

/** What has been heard of a line so far; of a line that does not grow any more, all that it holds. */
export function heardText(line: Line): string {
  if (line.state !== 'growing') return textOf(line);
  const heard = line.pieces.filter((piece) => piece.atMs === null || piece.atMs <= line.playedMs + REPORT_MS);
  return heard.map((piece) => piece.text).join('');
}

/** The lines with `itemId` among them, changed; a line that is not there yet comes to the end. */
export function changed(
  lines: Lines,
  itemId: string,
  role: Line['role'],
  change: (line: Line) => Partial<Line>,
): Lines {
  const found = lines.find((line) => line.itemId === itemId);
  if (!found) {
    const fresh = blank(itemId, role);
    return [...lines, { ...fresh, ...change(fresh) }];
  }
  return lines.map((line) => (line === found ? { ...line, ...change(line) } : line));
}

/** The same, only when the line is there. */
export function changedIfThere(lines: Lines, itemId: string, change: (line: Line) => Partial<Line>): Lines {
  return lines.some((line) => line.itemId === itemId) ? changed(lines, itemId, 'assistant', change) : lines;
}

export function grown(line: Line, text: string, atMs: number | null = null): Partial<Line> {
  return { pieces: [...line.pieces, { text, atMs }] };
}

/** Of an interrupted answer only `heard` counts; the rest is kept beside it. */
export function cutAt(line: Line, heard: string): Partial<Line> {
  const whole = textOf(line);
  const unheard = whole.startsWith(heard) ? whole.slice(heard.length) : '';
  return { state: 'cut', pieces: [{ text: heard, atMs: null }], unheard };
}

/** Answers that were being said when the connection broke: they are said anew. */
export function allCut(lines: Lines): Lines {
  return lines.map((line) =>
    line.role === 'assistant' && line.state === 'growing'
      ? { ...line, ...cutAt(line, heardText(line)) }
      : line,
  );
}

function blank(itemId: string, role: Line['role']): Line {
  return {
    itemId,
    role,
    state: 'growing',
    pieces: [],
    playedMs: 0,
    unheard: '',
    citations: [],
    timings: null,
  };
}
