/** What of a call can be seen, and how each thing that happens changes it. Pure: no socket, no sound, no clock. */

import { ApiProblem } from '@/api/problem';
import type { Played } from './playout';
import { allCut, changed, changedIfThere, cutAt, grown, type Line, type Lines } from './transcript';
import type { Citation, Item, Reply, ServerEvent } from './wire';

/** idle: no call yet.  broken: the connection is being made again.  ended: over, with what was said still there. */
export type Phase = 'idle' | 'starting' | 'open' | 'broken' | 'ended';
export type Activity = 'listening' | 'hearing' | 'thinking' | 'speaking';

export interface CallView {
  readonly phase: Phase;
  readonly activity: Activity;
  /** An answer is under way. */
  readonly answering: boolean;
  /** The platform says that it still works on the answer. */
  readonly slow: boolean;
  /** The answer that the loudspeaker plays. */
  readonly speaking: string | null;
  readonly muted: boolean;
  readonly microphone: 'on' | 'off' | 'lost';
  readonly conversationId: string | null;
  readonly lines: Lines;
  readonly problem: ApiProblem | null;
}

export type Happened =
  | { readonly type: 'started' }
  | { readonly type: 'opened'; readonly microphone: 'on' | 'off' }
  | { readonly type: 'told'; readonly event: ServerEvent }
  | { readonly type: 'played'; readonly played: Played }
  | { readonly type: 'muted'; readonly muted: boolean }
  | { readonly type: 'microphone_lost' }
  | { readonly type: 'broken' }
  | { readonly type: 'ended'; readonly problem: ApiProblem | null };

export const IDLE: CallView = {
  phase: 'idle',
  activity: 'listening',
  answering: false,
  slow: false,
  speaking: null,
  muted: false,
  microphone: 'off',
  conversationId: null,
  lines: [],
  problem: null,
};

/** An answer is under way, and nothing of it is being heard. */
export function isOwed(view: CallView): boolean {
  return view.answering && view.speaking === null;
}

const SILENT = { answering: false, slow: false, speaking: null } as const;

export function afterwards(view: CallView, happened: Happened): CallView {
  switch (happened.type) {
    case 'started':
      return { ...IDLE, phase: 'starting' };
    case 'opened':
      return { ...view, phase: 'open', microphone: happened.microphone };
    case 'told':
      return told(view, happened.event);
    case 'played':
      return played(view, happened.played);
    case 'muted':
      return { ...view, muted: happened.muted };
    case 'microphone_lost':
      return { ...view, microphone: 'lost' };
    case 'broken':
      return { ...view, ...SILENT, phase: 'broken', activity: 'thinking', lines: allCut(view.lines) };
    case 'ended':
      return {
        ...view,
        ...SILENT,
        phase: 'ended',
        microphone: 'off',
        muted: false,
        activity: 'listening',
        lines: allCut(view.lines),
        problem: happened.problem,
      };
  }
}

function told(view: CallView, event: ServerEvent): CallView {
  switch (event.type) {
    case 'session.created':
      return {
        ...view,
        phase: view.phase === 'broken' ? 'open' : view.phase,
        activity: 'listening',
        conversationId: event.session.voiceagent?.conversation_id ?? view.conversationId,
      };
    case 'input_audio_buffer.speech_started':
      return { ...view, activity: 'hearing' };
    case 'input_audio_buffer.speech_stopped':
      return { ...view, activity: 'thinking' };
    case 'conversation.item.added':
      return added(view, event.item);
    case 'conversation.item.deleted':
      return { ...unasked(view), lines: view.lines.filter((line) => line.itemId !== event.item_id) };
    case 'conversation.item.input_audio_transcription.delta':
      return line(view, event.item_id, 'user', (one) => grown(one, event.delta));
    case 'conversation.item.input_audio_transcription.completed':
      return line(event.transcript.trim() ? view : unasked(view), event.item_id, 'user', () =>
        whole(event.transcript),
      );
    case 'conversation.item.input_audio_transcription.failed':
      return line(unasked(view), event.item_id, 'user', () => whole(''));
    case 'response.created':
      return { ...view, activity: 'thinking', answering: true, slow: false, problem: null };
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta': {
      const atMs = event.start_time === undefined ? null : event.start_time * 1000;
      return line(view, event.item_id, 'assistant', (one) => grown(one, event.delta, atMs));
    }
    case 'response.output_audio.delta':
      if (view.speaking === event.item_id && view.activity === 'speaking') return view;
      return { ...view, activity: 'speaking', slow: false, speaking: event.item_id };
    case 'response.done':
      return answered(view, event.response);
    case 'voiceagent.speaker':
      return { ...view, activity: event.held ? 'hearing' : 'speaking' };
    case 'voiceagent.working':
      return { ...view, slow: true };
    case 'error':
      return event.error.code === 'response_cancel_not_active'
        ? view
        : { ...view, problem: problemOf(event.error) };
    default:
      return view; // the protocol has more kinds than a call needs, and may get new ones
  }
}

function played(view: CallView, { itemId, playedMs, done }: Played): CallView {
  const lines = changedIfThere(view.lines, itemId, () => ({ playedMs }));
  if (!done || itemId !== view.speaking) return lines === view.lines ? view : { ...view, lines };
  return { ...view, lines, speaking: null, activity: view.answering ? view.activity : 'listening' };
}

function added(view: CallView, item: Item): CallView {
  if (item.type !== 'message' || (item.role !== 'user' && item.role !== 'assistant')) return view;
  const text = (item.content ?? []).map((part) => part.text ?? part.transcript ?? '').join('');
  return line(view, item.id, item.role, () => (text === '' ? {} : whole(text)));
}

function answered(view: CallView, reply: Reply): CallView {
  const own = reply.voiceagent ?? {};
  const message = reply.output.find((item) => item.type === 'message');
  const isCut = reply.status === 'cancelled';
  const facts = { timings: own.timings ?? null, citations: distinct(own.citations ?? []) };
  const closed = (one: Line) => (isCut ? cutAt(one, own.heard ?? '') : { state: 'whole' as const });
  const speaking = isCut ? null : view.speaking;
  const failure = reply.status === 'failed' ? problemOf(reply.status_details?.error) : view.problem;
  return {
    ...view,
    answering: false,
    slow: false,
    speaking,
    activity: speaking === null ? afterAnswer(view, isCut) : view.activity,
    lines: message
      ? changedIfThere(view.lines, message.id, (one) => ({ ...closed(one), ...facts }))
      : view.lines,
    problem: failure,
  };
}

/** Who talked over the answer is still heard, or has been and is to be answered. */
function afterAnswer(view: CallView, isCut: boolean): Activity {
  return isCut && (view.activity === 'hearing' || view.activity === 'thinking') ? view.activity : 'listening';
}

/** What was heard was no question: nothing is thought about. */
function unasked(view: CallView): CallView {
  return view.activity === 'thinking' && !view.answering ? { ...view, activity: 'listening' } : view;
}

function line(
  view: CallView,
  itemId: string,
  role: Line['role'],
  change: (one: Line) => Partial<Line>,
): CallView {
  return { ...view, lines: changed(view.lines, itemId, role, change) };
}

function whole(text: string): Partial<Line> {
  return { state: text.trim() === '' ? 'unclear' : 'whole', pieces: [{ text, atMs: null }] };
}

/** A place that is named twice is one source. */
function distinct(citations: readonly Citation[]): readonly Citation[] {
  return [...new Map(citations.map((one) => [`${one.document_id} ${one.start} ${one.end}`, one])).values()];
}

function problemOf(failure: { code: string | null; message: string } | undefined): ApiProblem {
  const detail = failure?.message ?? 'The answer failed.';
  return new ApiProblem({ status: 0, code: failure?.code ?? 'call_failed', detail });
}
