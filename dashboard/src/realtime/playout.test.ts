import { expect, it } from 'vitest';
import { type Played, Playout } from './playout';

const RATE_HZ = 24_000;

function sound(ms: number): ArrayBuffer {
  return new Int16Array((RATE_HZ * ms) / 1000).fill(16_384).buffer;
}

function rig() {
  const told: Played[] = [];
  const playout = new Playout(RATE_HZ, (played) => told.push(played));
  const play = (ms: number) => {
    const output = new Float32Array((RATE_HZ * ms) / 1000);
    playout.fill(output);
    return output;
  };
  return { told, playout, play };
}

it('collects a little before it begins, and then plays what came', () => {
  const { playout, play } = rig();
  playout.push('a', sound(20));
  expect(Math.max(...play(20))).toBe(0);
  playout.push('a', sound(60));
  expect(play(20).at(-1)).toBeCloseTo(0.5);
});

it('plays a short answer that is over, and tells that it was played', () => {
  const { told, playout, play } = rig();
  playout.push('a', sound(20));
  playout.end('a');
  play(40);
  expect(told).toEqual([{ itemId: 'a', playedMs: 20, done: true }]);
});

it('tells every 100 ms how much was played', () => {
  const { told, playout, play } = rig();
  playout.push('a', sound(1000));
  for (let block = 0; block < 10; block += 1) play(25);
  expect(told.map((one) => one.playedMs)).toEqual([100, 200]);
});

it('holds within a few milliseconds, and goes on from the same sample', () => {
  const { told, playout, play } = rig();
  playout.push('a', sound(400));
  playout.end('a');
  play(100);
  playout.hold();
  expect(play(100).at(-1)).toBe(0);
  playout.release();
  for (let block = 0; block < 5; block += 1) play(100);
  expect(told.at(-1)).toEqual({ itemId: 'a', playedMs: 400, done: true });
});

it('throws away what waits, and says how far it came', () => {
  const { told, playout, play } = rig();
  playout.push('a', sound(500));
  play(50);
  playout.flush();
  expect(told.at(-1)).toEqual({ itemId: 'a', playedMs: 50, done: false });
  expect(Math.max(...play(100))).toBe(0);
});
