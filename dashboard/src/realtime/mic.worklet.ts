/** Worklet: the microphone to 20 ms frames of 24 kHz PCM. A file of its own, which the browser loads beside the page. */

import { PcmFrames } from './pcm-frames';
import { Resampler } from './resampler';

const RATE_HZ = 24_000;
const FRAME_SAMPLES = 480;

class Microphone extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate, RATE_HZ);
  readonly #frames = new PcmFrames(FRAME_SAMPLES, (frame) => this.port.postMessage(frame, [frame.pcm]));
  #muted = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<{ muted: boolean }>) => {
      this.#muted = data.muted;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0];
    if (input) this.#resampler.push(input, (sample) => this.#frames.push(this.#muted ? 0 : sample));
    return true;
  }
}

registerProcessor('microphone', Microphone);
