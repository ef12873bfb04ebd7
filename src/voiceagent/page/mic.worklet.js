// Microphone to PCM: resamples to 24 kHz with a windowed sinc and posts 20 ms frames of 16-bit samples. No network here.

const RATE_HZ = 24000;
const FRAME_SAMPLES = 480;
const HALF_TAPS = 16;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE_HZ; // input samples for each output sample
    this.cutoff = Math.min(1, RATE_HZ / sampleRate) * 0.94;
    this.reach = Math.ceil(HALF_TAPS / this.cutoff);
    this.history = new Float32Array(this.reach * 2 + 4096);
    this.held = this.reach; // samples in history, starting with silence
    this.place = this.reach; // where the next output sample lies in history
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.energy = 0;
    this.muted = false;
    this.port.onmessage = ({ data }) => { this.muted = data.muted; };
  }

  process(inputs) {
    const input = inputs[0][0];
    if (!input) return true;
    this.history.set(input, this.held);
    this.held += input.length;
    while (this.place + this.reach < this.held) {
      this.push(this.muted ? 0 : this.interpolated(this.place));
      this.place += this.step;
    }
    const spent = Math.floor(this.place) - this.reach;
    this.history.copyWithin(0, spent, this.held);
    this.held -= spent;
    this.place -= spent;
    return true;
  }

  interpolated(place) {
    const first = Math.ceil(place - this.reach);
    const last = Math.floor(place + this.reach);
    let sum = 0;
    for (let index = first; index <= last; index += 1) {
      const distance = place - index;
      const x = Math.PI * distance * this.cutoff;
      const sinc = Math.abs(x) < 1e-6 ? 1 : Math.sin(x) / x;
      const window = 0.5 + 0.5 * Math.cos(Math.PI * distance / (this.reach + 1));
      sum += this.history[index] * sinc * window;
    }
    return sum * this.cutoff;
  }

  push(value) {
    const limited = Math.max(-1, Math.min(1, value));
    this.energy += limited * limited;
    this.frame[this.filled] = Math.round(limited * 32767);
    this.filled += 1;
    if (this.filled < FRAME_SAMPLES) return;
    const level = Math.sqrt(this.energy / FRAME_SAMPLES);
    this.port.postMessage({ pcm: this.frame.buffer, level }, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.energy = 0;
  }
}

registerProcessor("microphone", Microphone);
