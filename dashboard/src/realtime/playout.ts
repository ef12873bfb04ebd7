/** A jitter buffer for the agent's sound that can be held, let go and emptied, and that says what was played. Pure; runs in the speaker's worklet. */

/** done: the item has been played to its end. */
export interface Played {
  readonly itemId: string;
  readonly playedMs: number;
  readonly done: boolean;
}

type Entry =
  | { readonly itemId: string; readonly sound: Float32Array }
  | { readonly itemId: string; readonly sound: null };

/** Enough for one late packet on a local network. */
const JITTER_S = 0.06;
const REPORT_S = 0.1;
const FADE_S = 0.005;

export class Playout {
  readonly #rateHz: number;
  readonly #report: (played: Played) => void;
  readonly #played = new Map<string, number>();
  #queue: Entry[] = [];
  #offset = 0;
  #waiting = 0;
  #unreported = 0;
  #running = false;
  #held = false;
  #gain = 1;
  #current: string | null = null;

  constructor(rateHz: number, report: (played: Played) => void) {
    this.#rateHz = rateHz;
    this.#report = report;
  }

  /** pcm: s16le, mono. */
  push(itemId: string, pcm: ArrayBuffer): void {
    const sound = Float32Array.from(new Int16Array(pcm), (sample) => sample / 32768);
    this.#queue.push({ itemId, sound });
    this.#waiting += sound.length;
  }

  /** Nothing more comes of the item. */
  end(itemId: string): void {
    this.#queue.push({ itemId, sound: null });
  }

  /** Silence within a few milliseconds; what waits stays. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
  }

  /** Throws away what waits. */
  flush(): void {
    if (this.#current !== null) this.#tell(this.#current, false);
    this.#queue = [];
    this.#offset = 0;
    this.#waiting = 0;
    this.#running = false;
    this.#held = false;
    this.#current = null;
  }

  /** The next samples to be heard. */
  fill(output: Float32Array): void {
    const ready = this.#waiting >= JITTER_S * this.#rateHz || this.#queue.some((one) => one.sound === null);
    if (ready) this.#running = true;
    const step = 1 / (FADE_S * this.#rateHz);
    for (let index = 0; index < output.length; index += 1) {
      this.#gain = Math.max(0, Math.min(1, this.#gain + (this.#held ? -step : step)));
      const silent = !this.#running || (this.#held && this.#gain === 0);
      output[index] = silent ? 0 : this.#next() * this.#gain;
    }
    if (this.#unreported >= REPORT_S * this.#rateHz && this.#current !== null)
      this.#tell(this.#current, false);
  }

  #next(): number {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      if (head.sound === null) {
        this.#queue.shift();
        this.#tell(head.itemId, true);
      } else if (this.#offset < head.sound.length) {
        this.#current = head.itemId;
        this.#played.set(head.itemId, (this.#played.get(head.itemId) ?? 0) + 1);
        this.#unreported += 1;
        this.#waiting -= 1;
        this.#offset += 1;
        return head.sound[this.#offset - 1] ?? 0;
      } else {
        this.#queue.shift();
        this.#offset = 0;
      }
    }
    this.#running = false; // starved: collect a little before going on
    return 0;
  }

  #tell(itemId: string, done: boolean): void {
    const playedMs = Math.round(((this.#played.get(itemId) ?? 0) * 1000) / this.#rateHz);
    this.#report({ itemId, playedMs, done });
    this.#unreported = 0;
    if (done) this.#played.delete(itemId);
  }
}
