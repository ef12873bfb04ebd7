/** Stand-ins for a browser's sound and sockets: what jsdom lacks, and what a test steers. */

import { vi } from 'vitest';

export class FakeSocket {
  static readonly OPEN = 1;
  readonly url: string;
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: Record<string, unknown>[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  closedWith: number | null = null;

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005): void {
    this.closedWith = code;
    this.readyState = 3;
  }

  /** The gateway says something. */
  tell(...events: readonly object[]): void {
    this.readyState = FakeSocket.OPEN;
    for (const event of events) this.onmessage?.({ data: JSON.stringify(event) });
  }

  /** The session stands. */
  stand(conversationId = 'conv_1'): void {
    this.tell({ type: 'session.created', session: { voiceagent: { conversation_id: conversationId } } });
  }

  /** The connection ends, as the gateway or the network says. */
  drop(code: number, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

class FakeNode {
  readonly port = { onmessage: null as ((event: { data: unknown }) => void) | null, postMessage: vi.fn() };
  readonly name: string;
  readonly connect = vi.fn();

  constructor(_context: unknown, name: string) {
    this.name = name;
  }
}

export interface Media {
  readonly sockets: FakeSocket[];
  /** Nodes of worklets by name: `microphone` and `speaker`. */
  node(name: string): FakeNode;
  readonly track: { stop: () => void; onended: (() => void) | null };
  /** Contexts that have not been closed. */
  open(): number;
}

/** microphone: what asking for it throws, as the name of a DOMException; `none` where the page may not ask at all. */
export function fakeMedia(microphone = ''): Media {
  const sockets: FakeSocket[] = [];
  const nodes: FakeNode[] = [];
  const track = { stop: vi.fn(), onended: null };
  let open = 0;
  class Context {
    readonly audioWorklet = { addModule: async () => undefined };
    readonly destination = {};
    constructor() {
      open += 1;
    }
    createMediaStreamSource() {
      return { connect: () => undefined };
    }
    async resume() {}
    async close() {
      open -= 1;
    }
  }
  class Node extends FakeNode {
    constructor(context: unknown, name: string) {
      super(context, name);
      nodes.push(this);
    }
  }
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const getUserMedia = async () => {
    if (microphone) throw new DOMException('', microphone);
    return { getTracks: () => [track], getAudioTracks: () => [track] };
  };
  vi.stubGlobal('AudioContext', Context);
  vi.stubGlobal('AudioWorkletNode', Node);
  vi.stubGlobal('WebSocket', Socket);
  const mediaDevices = microphone === 'none' ? undefined : { getUserMedia };
  Object.defineProperty(navigator, 'mediaDevices', { value: mediaDevices, configurable: true });
  const node = (name: string) => {
    const found = nodes.findLast((one) => one.name === name);
    if (!found) throw new Error(`no ${name} was opened`);
    return found;
  };
  return { sockets, node, track, open: () => open };
}
