/** Sound at one rate to sound at another, by a windowed sinc. Pure; runs in the microphone's worklet. */

const HALF_TAPS = 16;
const BLOCK_SAMPLES = 4096;

export class Resampler {
  readonly #step: number;
  readonly #cutoff: number;
  readonly #reach: number;
  readonly #history: Float32Array;
  #held: number;
  #place: number;

  constructor(fromHz: number, toHz: number) {
    this.#step = fromHz / toHz;
    // A little below the half of the lower rate: what is above would fold back into what is heard.
    this.#cutoff = Math.min(1, toHz / fromHz) * 0.94;
    this.#reach = Math.ceil(HALF_TAPS / this.#cutoff);
    this.#history = new Float32Array(this.#reach * 2 + BLOCK_SAMPLES);
    this.#held = this.#reach;
    this.#place = this.#reach;
  }

  /** Gives each sample that `input` (at most 4096, -1 to 1) makes certain to `take`. */
  push(input: Float32Array, take: (sample: number) => void): void {
    this.#history.set(input, this.#held);
    this.#held += input.length;
    while (this.#place + this.#reach < this.#held) {
      take(this.#at(this.#place));
      this.#place += this.#step;
    }
    const spent = Math.floor(this.#place) - this.#reach;
    this.#history.copyWithin(0, spent, this.#held);
    this.#held -= spent;
    this.#place -= spent;
  }

  #at(place: number): number {
    const last = Math.floor(place + this.#reach);
    let sum = 0;
    for (let index = Math.ceil(place - this.#reach); index <= last; index += 1) {
      const distance = place - index;
      const x = Math.PI * distance * this.#cutoff;
      const sinc = Math.abs(x) < 1e-6 ? 1 : Math.sin(x) / x;
      const bell = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (this.#reach + 1));
      sum += (this.#history[index] ?? 0) * sinc * bell;
    }
    return sum * this.#cutoff;
  }
}
