import { expect, it } from 'vitest';
import { spansOf } from './stages';

const sound = { audio_in_s: 0, audio_out_s: 0 };

it('lays stages end to end', () => {
  const spans = spansOf({ ...sound, soft_end_ms: 200, committed_ms: 450, first_audio_ms: 900 });
  expect(spans.map((one) => [one.stage, one.begins_ms, one.took_ms])).toEqual([
    ['soft_end', 0, 200],
    ['committed', 200, 250],
    ['first_audio', 450, 450],
  ]);
});

it('orders stages by when they happened, before the last sound, too', () => {
  const spans = spansOf({ ...sound, soft_end_ms: 200, transcript_ms: -40, first_token_ms: null });
  expect(spans.map((one) => [one.stage, one.begins_ms, one.took_ms])).toEqual([
    ['transcript', -40, 0],
    ['soft_end', 0, 200],
  ]);
});
