/** The browser's loudspeaker for the agent's sound. Knows nothing of the protocol. */

import type { Played } from './playout';
import workletUrl from './speaker.worklet?worker&url';

const RATE_HZ = 24_000;

export type SpeakerOrder =
  | { readonly kind: 'push'; readonly itemId: string; readonly pcm: ArrayBuffer }
  | { readonly kind: 'end'; readonly itemId: string }
  | { readonly kind: 'hold' | 'release' | 'flush' };

export interface Speaker {
  /** pcm: s16le mono at 24 kHz; it is handed over. */
  push(itemId: string, pcm: ArrayBuffer): void;
  end(itemId: string): void;
  hold(): void;
  release(): void;
  flush(): void;
  close(): Promise<void>;
}

/** To be called from a click: browsers allow no sound otherwise. onPlayed comes every 100 ms of sound and at an item's end. */
export async function openSpeaker(onPlayed: (played: Played) => void): Promise<Speaker> {
  const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: 'interactive' });
  try {
    await context.audioWorklet.addModule(workletUrl);
    const node = new AudioWorkletNode(context, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }: MessageEvent<Played>) => onPlayed(data);
    node.connect(context.destination);
    await context.resume();
    const order = (wanted: SpeakerOrder, handed: Transferable[] = []) =>
      node.port.postMessage(wanted, handed);
    return {
      push: (itemId, pcm) => order({ kind: 'push', itemId, pcm }, [pcm]),
      end: (itemId) => order({ kind: 'end', itemId }),
      hold: () => order({ kind: 'hold' }),
      release: () => order({ kind: 'release' }),
      flush: () => order({ kind: 'flush' }),
      close: () => context.close(),
    };
  } catch (error) {
    await context.close();
    throw error;
  }
}
