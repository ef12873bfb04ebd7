/** One call over WebSocket: typed events, and a connection that breaks is made again in the same conversation. Shows nothing, plays nothing. */

import { ApiProblem } from '@/api/problem';
import { type ClientEvent, readEvent, type ServerEvent } from './wire';

const OPEN_MS = 10_000;
const RESUME_MS = 30_000;
const RESUME_EVERY_MS = 500;
/** A session that owes an answer says every 2 s that it works on it. */
const SILENT_MS = 8_000;
const NORMAL = [1000, 1005];
const RIGHTS_ENDED = 1008;
/** Sound that has not left yet; more of it is late anyway, and the memory of the browser ends. */
const MOST_WAITING_BYTES = 512_000;

/** An address for one connection; it holds a ticket that opens once. */
export type Address = (conversationId: string | null) => Promise<string>;

export interface SocketListeners {
  event(event: ServerEvent): void;
  /** The connection is gone and is being made again; what was being said is said anew. */
  broken(): void;
  /** It is over; null when it was ended as it should. */
  over(problem: ApiProblem | null): void;
}

export class RealtimeSocket {
  readonly #address: Address;
  readonly #listeners: SocketListeners;
  #socket: WebSocket | null = null;
  #conversationId: string | null = null;
  #ended = false;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(address: Address, listeners: SocketListeners) {
    this.#address = address;
    this.#listeners = listeners;
  }

  /** Resolves when the session stands. Throws an ApiProblem. */
  async open(): Promise<void> {
    await this.#opened();
    if (this.#ended) this.#socket?.close(1000);
  }

  send(event: ClientEvent): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (event.type === 'input_audio_buffer.append' && socket.bufferedAmount > MOST_WAITING_BYTES) return;
    socket.send(JSON.stringify(event));
  }

  /** Whether the gateway owes something from now on; one that stays silent then is dead, whatever the connection says. */
  owes(owing: boolean): void {
    clearTimeout(this.#silence);
    if (owing) this.#silence = setTimeout(() => this.#abandon(), SILENT_MS);
  }

  close(): void {
    this.#ended = true;
    this.owes(false);
    this.#socket?.close(1000);
  }

  #abandon(): void {
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    void this.#lost(1006, '');
  }

  /** Until session.created has arrived on a connection, which is ours from then on. */
  async #opened(): Promise<void> {
    const socket = new WebSocket(await this.#address(this.#conversationId), 'realtime');
    return new Promise((resolve, reject) => {
      let stands = false;
      const late = setTimeout(() => socket.close(), OPEN_MS);
      socket.onmessage = ({ data }) => {
        const event = readEvent(data);
        if (event?.type === 'session.created') {
          stands = true;
          this.#socket = socket; // before anybody is told, who may answer at once
          clearTimeout(late);
          this.#conversationId = event.session.voiceagent?.conversation_id ?? null;
          resolve();
        }
        if (event && !this.#ended) this.#listeners.event(event);
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(late);
        if (stands) void this.#lost(code, reason);
        else reject(problem('call_refused', reason));
      };
    });
  }

  async #lost(code: number, reason: string): Promise<void> {
    this.owes(false);
    if (this.#ended) return;
    const over = endOf(code, reason);
    if (!over || code === RIGHTS_ENDED || this.#conversationId === null) return this.#listeners.over(over);
    this.#listeners.broken();
    for (const until = Date.now() + RESUME_MS; !this.#ended && Date.now() < until; ) {
      try {
        return await this.open();
      } catch (error) {
        if (error instanceof ApiProblem && error.status >= 400 && !error.passes)
          return this.#listeners.over(error);
        await new Promise((again) => setTimeout(again, RESUME_EVERY_MS));
      }
    }
    if (!this.#ended) this.#listeners.over(over);
  }
}

function endOf(code: number, reason: string): ApiProblem | null {
  if (NORMAL.includes(code)) return null;
  return problem(code === RIGHTS_ENDED ? 'call_rights_ended' : 'call_lost', reason);
}

function problem(code: string, reason: string): ApiProblem {
  return new ApiProblem({ status: 0, code, detail: reason || 'The connection ended.' });
}
