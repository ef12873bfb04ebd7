import { expect, it } from 'vitest';
import { costWords, shareWords } from './figures';
import { byModel, daysBetween, daysOf, delaysOf, endsOf, quantile, tokensByDay } from './measures';
import type { Conversation, Sample, Seen, Turn } from './queries';

const turn = (created_at: string, state: Turn['state'], first_audio_ms: number | null): Turn => ({
  turn_id: created_at,
  conversation_id: 'c',
  asked: '',
  answer: '',
  heard: '',
  citations: [],
  model: '',
  prompt_tokens: 0,
  completion_tokens: 0,
  error_code: null,
  created_at,
  state,
  timings: { audio_in_s: 0, audio_out_s: 0, first_audio_ms },
});
const seen = (day: string, channel: Conversation['channel'], turns: Turn[]): Seen => ({
  conversation: {
    conversation_id: day,
    agent_id: 'default',
    user_id: 'u',
    title: '',
    channel,
    created_at: `${day}T10:00:00Z`,
    updated_at: `${day}T23:59:00Z`,
    turn_count: turns.length,
  },
  turns,
});
const SAMPLE: Sample = {
  whole: true,
  seen: [
    seen('2026-11-22', 'voice', [
      turn('2026-11-22T10:00:01Z', 'answered', 800),
      turn('2026-11-22T10:00:09Z', 'interrupted', 1200),
      turn('2026-11-22T10:00:19Z', 'asked', null),
    ]),
    seen('2026-11-20', 'text', [turn('2026-11-20T10:00:01Z', 'failed', 5)]),
  ],
};

it('takes quantiles by nearest rank', () => {
  const values = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect([quantile(values, 0.5), quantile(values, 0.95), quantile([7], 0.95)]).toEqual([10, 19, 7]);
  expect(quantile([], 0.5)).toBeNaN();
});

it('counts by day without gaps, and drops days that the sample does not reach', () => {
  expect(daysOf(SAMPLE)).toEqual([
    { day: '2026-11-20', calls: 0, texts: 1, turns: 1 },
    { day: '2026-11-21', calls: 0, texts: 0, turns: 0 },
    { day: '2026-11-22', calls: 1, texts: 0, turns: 3 },
  ]);
  const long = seen('2026-11-01', 'voice', [turn('2026-11-21T01:00:00Z', 'answered', 1)]);
  const late = { ...long, conversation: { ...long.conversation, updated_at: '2026-11-21T01:00:00Z' } };
  expect(daysOf({ whole: false, seen: [late] }).map((one) => one.day)).toEqual(['2026-11-21']);
  expect(daysOf({ whole: true, seen: [] })).toEqual([]);
  expect(daysBetween('2020-01-01', '2026-11-22')).toHaveLength(31);
});

it('measures delays of spoken turns alone, and stages that happened', () => {
  expect(delaysOf(SAMPLE)).toEqual([{ stage: 'first_audio', count: 2, p50_ms: 800, p95_ms: 1200 }]);
});

it('counts shares of turns that ended', () => {
  expect(endsOf(SAMPLE)).toEqual({ whole: 3, answered: 1, interrupted: 1, failed: 1 });
  expect(shareWords(1, 8, 'en')).toBe('1 (12.5%)');
  expect(costWords(0.0012, 'en')).toBe('$0.0012');
});

it('sums usage by model and by day', () => {
  const row = {
    day: '2026-11-02',
    provider: 'a',
    calls: 1,
    prompt_tokens: 10,
    completion_tokens: 5,
    cost: 0.1,
  };
  const rows = [row, { ...row, day: '2026-11-03' }, { ...row, provider: 'b', cost: 9 }];
  expect(byModel(rows).map((one) => [one.provider, one.calls, one.prompt_tokens])).toEqual([
    ['b', 1, 10],
    ['a', 2, 20],
  ]);
  const budget = { tokens: 0, cost: 0 };
  const usage = { since: '2026-11-01', tokens: 45, cost: 9.2, budget, spent: false, rows };
  expect(tokensByDay(usage).map((one) => one.tokens)).toEqual([0, 30, 15]);
});
