/** The browser's microphone as frames of PCM. Knows nothing of the protocol. */

import { ApiProblem } from '@/api/problem';
import workletUrl from './mic.worklet?worker&url';
import type { PcmFrame } from './pcm-frames';

export interface Microphone {
  /** Muted it goes on with silence, so that the other side's clock does. */
  mute(muted: boolean): void;
  close(): Promise<void>;
}

export interface MicrophoneListeners {
  /** 20 ms at 24 kHz. */
  frame(frame: PcmFrame): void;
  /** It was unplugged, or the permission was taken back. */
  lost(): void;
}

const WISHES = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const FAILURES: Record<string, string> = {
  NotAllowedError: 'microphone_refused',
  NotFoundError: 'microphone_missing',
  OverconstrainedError: 'microphone_missing',
  NotReadableError: 'microphone_busy',
};

/** Throws an ApiProblem: `microphone_refused`, `microphone_missing`, `microphone_busy`, `microphone_insecure`. */
export async function openMicrophone(listeners: MicrophoneListeners): Promise<Microphone> {
  const stream = await streamOf();
  const context = new AudioContext({ latencyHint: 'interactive' });
  const close = async () => {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
  };
  try {
    await context.audioWorklet.addModule(workletUrl);
    const options = { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' } as const;
    const node = new AudioWorkletNode(context, 'microphone', options);
    node.port.onmessage = ({ data }: MessageEvent<PcmFrame>) => listeners.frame(data);
    context.createMediaStreamSource(stream).connect(node);
    for (const track of stream.getAudioTracks()) track.onended = () => listeners.lost();
    await context.resume();
    return { mute: (muted) => node.port.postMessage({ muted }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function streamOf(): Promise<MediaStream> {
  // Browsers hide the microphone from pages that came over plain HTTP from another host.
  const media: MediaDevices | undefined = navigator.mediaDevices;
  if (!media) throw microphoneProblem('microphone_insecure');
  try {
    return await media.getUserMedia({ audio: WISHES });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    throw microphoneProblem(FAILURES[name] ?? 'microphone_busy', error);
  }
}

/** Our own refusal, which the words of the page explain by its code. */
export function microphoneProblem(code: string, cause?: unknown): ApiProblem {
  return new ApiProblem({ status: 0, code, detail: 'The microphone cannot be used.' }, { cause });
}
