import { expect, it } from 'vitest';
import { type PcmFrame, PcmFrames } from './pcm-frames';
import { Resampler } from './resampler';

/** A second of a tone at `rateHz` as it comes out at 24 kHz. */
function resampled(rateHz: number, toneHz: number): number[] {
  const resampler = new Resampler(rateHz, 24_000);
  const out: number[] = [];
  for (let start = 0; start < rateHz; start += 128) {
    const block = Float32Array.from({ length: 128 }, (_, index) =>
      Math.sin((2 * Math.PI * toneHz * (start + index)) / rateHz),
    );
    resampler.push(block, (sample) => out.push(sample));
  }
  return out;
}

const loudness = (samples: readonly number[]) =>
  Math.sqrt(samples.slice(1000, -1000).reduce((sum, one) => sum + one * one, 0) / (samples.length - 2000));

it.each([16_000, 24_000, 44_100, 48_000])('keeps a voice and its length from %i Hz', (rateHz) => {
  const out = resampled(rateHz, 440);
  expect(Math.abs(out.length - 24_000)).toBeLessThan(150);
  expect(loudness(out)).toBeCloseTo(Math.SQRT1_2, 1);
});

it('keeps out what the lower rate cannot hold', () => {
  expect(loudness(resampled(48_000, 18_000))).toBeLessThan(0.01);
});

it('makes frames of 16 bits with their level, and holds samples that are too loud', () => {
  const frames: PcmFrame[] = [];
  const framing = new PcmFrames(4, (frame) => frames.push(frame));
  for (const sample of [0, 0.5, -2, 2, 0]) framing.push(sample);
  expect(frames.length).toBe(1);
  expect([...new Int16Array(frames[0]?.pcm ?? new ArrayBuffer(0))]).toEqual([0, 16_384, -32_767, 32_767]);
  expect(frames[0]?.level).toBeCloseTo(0.75);
});
