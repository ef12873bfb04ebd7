/** A call: joins microphone, loudspeaker and socket, and tells what can be seen of it. No React, and no rule of the protocol: those are call-view's. */

import { ApiProblem } from '@/api/problem';
import { fromBase64, toBase64 } from './base64';
import { afterwards, type CallView, type Happened, IDLE, isOwed } from './call-view';
import { type Microphone, openMicrophone } from './microphone';
import { type Address, RealtimeSocket } from './socket';
import { openSpeaker, type Speaker } from './speaker';
import type { Reply, ServerEvent } from './wire';

/** What a call holds while it lasts; each part is there once it is open. */
interface Parts {
  speaker: Speaker | null;
  microphone: Microphone | null;
  socket: RealtimeSocket | null;
}

function none(): Parts {
  return { speaker: null, microphone: null, socket: null };
}

type LevelListener = (level: number) => void;

export class Call {
  #view = IDLE;
  #parts = none();
  readonly #listeners = new Set<() => void>();
  readonly #levelListeners = new Set<LevelListener>();

  /** The same object as long as nothing changed. */
  get view(): CallView {
    return this.#view;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** How loud the microphone is, 0 to 1, every 20 ms; 0 when a call ends. */
  readonly onLevel = (listener: LevelListener): (() => void) => {
    this.#levelListeners.add(listener);
    return () => this.#levelListeners.delete(listener);
  };

  /** To be called from a click. What goes wrong is told in the view. withMicrophone false: only to write, and to hear the answers. */
  async start(address: Address, withMicrophone: boolean): Promise<void> {
    this.end();
    const parts = none();
    this.#parts = parts;
    this.#tell({ type: 'started' });
    try {
      parts.speaker = await openSpeaker((played) => {
        parts.socket?.send({
          type: 'voiceagent.playback',
          item_id: played.itemId,
          played_ms: played.playedMs,
        });
        this.#tellOf(parts, { type: 'played', played });
      });
      // Before the gateway is asked: no session waits there while the browser asks for the permission.
      if (withMicrophone && this.#parts === parts) parts.microphone = await this.#microphone(parts);
      if (this.#parts === parts) await this.#connect(parts, address);
      if (this.#parts !== parts) return close(parts);
      this.#tell({ type: 'opened', microphone: withMicrophone ? 'on' : 'off' });
    } catch (error) {
      this.#over(parts, asProblem(error));
    }
  }

  /** Hangs up. Nothing happens without a call. */
  end(): void {
    if (this.#view.phase !== 'idle' && this.#view.phase !== 'ended') this.#over(this.#parts, null);
  }

  mute(muted: boolean): void {
    this.#parts.microphone?.mute(muted);
    this.#tell({ type: 'muted', muted });
  }

  /** Asks in writing; an answer that is under way makes room. */
  write(text: string): void {
    const { socket } = this.#parts;
    if (this.#view.answering) socket?.send({ type: 'response.cancel' });
    socket?.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
    socket?.send({ type: 'response.create' });
  }

  #microphone(parts: Parts): Promise<Microphone> {
    return openMicrophone({
      frame: ({ pcm, level }) => {
        parts.socket?.send({ type: 'input_audio_buffer.append', audio: toBase64(pcm) });
        if (this.#parts === parts) this.#level(level);
      },
      lost: () => this.#tellOf(parts, { type: 'microphone_lost' }),
    });
  }

  async #connect(parts: Parts, address: Address): Promise<void> {
    const socket = new RealtimeSocket(address, {
      event: (event) => {
        this.#tellOf(parts, { type: 'told', event });
        if (parts.speaker) play(parts.speaker, event);
        socket.owes(isOwed(this.#view));
      },
      broken: () => {
        parts.speaker?.flush();
        this.#tellOf(parts, { type: 'broken' });
      },
      over: (problem) => this.#over(parts, problem),
    });
    parts.socket = socket;
    await socket.open();
  }

  #over(parts: Parts, problem: ApiProblem | null): void {
    close(parts);
    if (this.#parts !== parts) return;
    this.#parts = none();
    this.#level(0);
    this.#tell({ type: 'ended', problem });
  }

  #tellOf(parts: Parts, happened: Happened): void {
    if (this.#parts === parts) this.#tell(happened);
  }

  #tell(happened: Happened): void {
    const view = afterwards(this.#view, happened);
    if (view === this.#view) return;
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }

  #level(level: number): void {
    for (const listener of this.#levelListeners) listener(level);
  }
}

/** What an event means for the loudspeaker. */
function play(speaker: Speaker, event: ServerEvent): void {
  if (event.type === 'response.output_audio.delta') speaker.push(event.item_id, fromBase64(event.delta));
  else if (event.type === 'response.output_audio.done') speaker.end(event.item_id);
  else if (event.type === 'response.done') settle(speaker, event.response);
  else if (event.type === 'voiceagent.speaker') {
    // Somebody speaks: silence at once. The server decides whether it was an interruption or a cough.
    if (event.held) speaker.hold();
    else speaker.release();
  }
}

function settle(speaker: Speaker, reply: Reply): void {
  if (reply.status === 'cancelled') speaker.flush();
  else speaker.release();
}

/** Ends what is open. A part that fails to close is as good as closed. */
function close(parts: Parts): void {
  const { socket, microphone, speaker } = parts;
  Object.assign(parts, none());
  socket?.close();
  void Promise.allSettled([microphone?.close(), speaker?.close()]);
}

function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const detail = 'The browser cannot play or record sound here.';
  return new ApiProblem({ status: 0, code: 'sound_unavailable', detail }, { cause: error });
}
