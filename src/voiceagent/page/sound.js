// The browser's microphone and loudspeaker as two small objects. Knows nothing of the protocol.

const RATE_HZ = 24000;

/** Opens the microphone. onFrame(ArrayBuffer of 20 ms s16le 24 kHz, level 0..1). */
export async function openMicrophone(onFrame) {
  const wishes = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wishes });
  const context = new AudioContext({ latencyHint: "interactive" });
  await context.audioWorklet.addModule("mic.worklet.js");
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = ({ data }) => onFrame(data.pcm, data.level);
  context.createMediaStreamSource(stream).connect(node);
  await context.resume();
  return {
    mute: (muted) => node.port.postMessage({ muted }),
    close: async () => {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
    },
  };
}

/** Opens the loudspeaker. onPlayed({itemId, playedMs, done}). */
export async function openSpeaker(onPlayed) {
  const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
  await context.audioWorklet.addModule("speaker.worklet.js");
  const node = new AudioWorkletNode(context, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
  node.port.onmessage = ({ data }) => onPlayed(data);
  node.connect(context.destination);
  await context.resume();
  const order = (name, more = {}, transfer = []) => node.port.postMessage({ order: name, ...more }, transfer);
  return {
    push: (itemId, pcm) => order("push", { itemId, pcm }, [pcm]),
    end: (itemId) => order("end", { itemId }),
    hold: () => order("hold"),
    release: () => order("release"),
    flush: () => order("flush"),
    close: () => context.close(),
  };
}

/** ArrayBuffer to base64. */
export function toBase64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

/** Base64 to ArrayBuffer. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}
