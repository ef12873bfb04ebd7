// PCM to loudspeaker: a jitter buffer for the agent's sound that can be held, let go and emptied, and that says what was played.

const JITTER_SAMPLES = sampleRate * 0.06; // enough for one late packet on a local network
const REPORT_SAMPLES = sampleRate * 0.1;
const FADE_SAMPLES = sampleRate * 0.005;

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = []; // {itemId, pcm: Float32Array} and {itemId, end: true}
    this.offset = 0;
    this.waiting = 0; // samples in the queue
    this.running = false;
    this.held = false;
    this.gain = 1;
    this.played = new Map(); // samples of each item
    this.unreported = 0;
    this.current = null;
    this.port.onmessage = ({ data }) => this[data.order](data);
  }

  push({ itemId, pcm }) {
    const samples = new Int16Array(pcm);
    const sound = new Float32Array(samples.length);
    for (let index = 0; index < samples.length; index += 1) sound[index] = samples[index] / 32768;
    this.queue.push({ itemId, pcm: sound });
    this.waiting += sound.length;
  }

  end({ itemId }) {
    this.queue.push({ itemId, end: true });
  }

  hold() { this.held = true; }

  release() { this.held = false; }

  flush() {
    this.report();
    this.queue = [];
    this.offset = 0;
    this.waiting = 0;
    this.running = false;
    this.held = false;
    this.current = null;
  }

  process(_inputs, outputs) {
    const output = outputs[0][0];
    if (!this.running && (this.waiting >= JITTER_SAMPLES || this.queue.some((entry) => entry.end))) this.running = true;
    for (let index = 0; index < output.length; index += 1) {
      this.gain = Math.max(0, Math.min(1, this.gain + (this.held ? -1 : 1) / FADE_SAMPLES));
      const stopped = !this.running || (this.held && this.gain === 0);
      output[index] = stopped ? 0 : this.next() * this.gain;
    }
    if (this.unreported >= REPORT_SAMPLES) this.report();
    return true;
  }

  next() {
    while (this.queue.length > 0) {
      const head = this.queue[0];
      if (head.end) {
        this.queue.shift();
        this.report(true, head.itemId);
      } else if (this.offset < head.pcm.length) {
        this.current = head.itemId;
        this.played.set(head.itemId, (this.played.get(head.itemId) ?? 0) + 1);
        this.unreported += 1;
        this.waiting -= 1;
        this.offset += 1;
        return head.pcm[this.offset - 1];
      } else {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.running = false; // starved: collect a little before going on
    return 0;
  }

  report(done = false, itemId = this.current) {
    if (itemId === null) return;
    const playedMs = Math.round((this.played.get(itemId) ?? 0) * 1000 / sampleRate);
    this.port.postMessage({ itemId, playedMs, done });
    this.unreported = 0;
    if (done) this.played.delete(itemId);
  }
}

registerProcessor("speaker", Speaker);
