/** Samples to frames of 16-bit PCM, with how loud each is. Pure; runs in the microphone's worklet. */

export interface PcmFrame {
  /** s16le, mono. */
  readonly pcm: ArrayBuffer;
  /** Root mean square, 0 to 1. */
  readonly level: number;
}

export class PcmFrames {
  readonly #samples: number;
  readonly #take: (frame: PcmFrame) => void;
  #frame: Int16Array<ArrayBuffer>;
  #filled = 0;
  #energy = 0;

  constructor(samples: number, take: (frame: PcmFrame) => void) {
    this.#samples = samples;
    this.#take = take;
    this.#frame = new Int16Array(samples);
  }

  push(sample: number): void {
    const limited = Math.max(-1, Math.min(1, sample));
    this.#energy += limited * limited;
    this.#frame[this.#filled] = Math.round(limited * 32767);
    this.#filled += 1;
    if (this.#filled < this.#samples) return;
    this.#take({ pcm: this.#frame.buffer, level: Math.sqrt(this.#energy / this.#samples) });
    this.#frame = new Int16Array(this.#samples);
    this.#filled = 0;
    this.#energy = 0;
  }
}
