/** Worklet: the agent's sound to the loudspeaker. A file of its own, which the browser loads beside the page. */

import { Playout } from './playout';
import type { SpeakerOrder } from './speaker';

class Speaker extends AudioWorkletProcessor {
  readonly #playout = new Playout(sampleRate, (played) => this.port.postMessage(played));

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<SpeakerOrder>) => this.#obey(data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (output) this.#playout.fill(output);
    return true;
  }

  #obey(order: SpeakerOrder): void {
    if (order.kind === 'push') this.#playout.push(order.itemId, order.pcm);
    else if (order.kind === 'end') this.#playout.end(order.itemId);
    else this.#playout[order.kind]();
  }
}

registerProcessor('speaker', Speaker);
