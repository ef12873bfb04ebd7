/** The events of the realtime protocol that a call here uses, as types, and reading one. Nothing acts here. */

import type { components } from '@/api/generated/schema';

export type Citation = components['schemas']['Citation'];
export type Timings = components['schemas']['TurnTimings'];

export interface ContentPart {
  readonly text?: string | null;
  readonly transcript?: string | null;
}

export interface Item {
  readonly id: string;
  readonly type: string;
  readonly role?: string;
  readonly content?: readonly ContentPart[];
}

interface Failure {
  readonly code: string | null;
  readonly message: string;
}

export interface Reply {
  readonly id: string;
  readonly status: 'in_progress' | 'completed' | 'cancelled' | 'incomplete' | 'failed';
  readonly status_details?: { readonly error?: Failure } | null;
  readonly output: readonly Item[];
  /** What this platform adds: what was heard of the answer, where it comes from, and where the time went. */
  readonly voiceagent?: {
    readonly heard?: string;
    readonly citations?: readonly Citation[];
    readonly timings?: Timings;
  };
}

/** start_time: second of the answer's sound at which the words are heard; none of a written answer. */
interface Words {
  readonly item_id: string;
  readonly delta: string;
  readonly start_time?: number;
}

interface OfItem {
  readonly item_id: string;
}

export type ServerEvent =
  | { readonly type: 'session.created'; readonly session: SessionTold }
  | ({ readonly type: 'input_audio_buffer.speech_started' } & OfItem)
  | ({ readonly type: 'input_audio_buffer.speech_stopped' } & OfItem)
  | { readonly type: 'conversation.item.added'; readonly item: Item }
  | ({ readonly type: 'conversation.item.deleted' } & OfItem)
  | ({ readonly type: 'conversation.item.input_audio_transcription.delta' } & Words)
  | ({
      readonly type: 'conversation.item.input_audio_transcription.completed';
      readonly transcript: string;
    } & OfItem)
  | ({ readonly type: 'conversation.item.input_audio_transcription.failed' } & OfItem)
  | { readonly type: 'response.created'; readonly response: Reply }
  | ({ readonly type: 'response.output_audio_transcript.delta' } & Words)
  | ({ readonly type: 'response.output_text.delta' } & Words)
  | ({ readonly type: 'response.output_audio.delta' } & Words)
  | ({ readonly type: 'response.output_audio.done' } & OfItem)
  | { readonly type: 'response.done'; readonly response: Reply }
  | ({ readonly type: 'voiceagent.speaker'; readonly held: boolean } & OfItem)
  | { readonly type: 'voiceagent.working' }
  | { readonly type: 'error'; readonly error: Failure };

interface SessionTold {
  readonly voiceagent?: { readonly conversation_id?: string };
}

export type ClientEvent =
  | { readonly type: 'input_audio_buffer.append'; readonly audio: string }
  | {
      readonly type: 'conversation.item.create';
      readonly item: {
        readonly type: 'message';
        readonly role: 'user';
        readonly content: readonly [{ readonly type: 'input_text'; readonly text: string }];
      };
    }
  | { readonly type: 'response.create' }
  | { readonly type: 'response.cancel' }
  | { readonly type: 'voiceagent.playback'; readonly item_id: string; readonly played_ms: number };

/** An event of the gateway; kinds that are not in the list come through, for whoever reads it to leave alone. Null for what is none. */
export function readEvent(text: unknown): ServerEvent | null {
  if (typeof text !== 'string') return null;
  const told: unknown = JSON.parse(text);
  const isEvent =
    typeof told === 'object' && told !== null && 'type' in told && typeof told.type === 'string';
  return isEvent ? (told as ServerEvent) : null;
}
