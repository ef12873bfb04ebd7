/** Figures from a sample of conversations: days, delays by stage, how turns ended. Days are UTC, as usage is counted. Pure. */

import { STAGES, type Stage } from '@/components/stages';
import type { Sample, Turn, Usage } from './queries';

export interface Day {
  /** As 2026-11-23. */
  readonly day: string;
  readonly calls: number;
  readonly texts: number;
  readonly turns: number;
}

export interface Delay {
  readonly stage: Stage;
  readonly count: number;
  /** Since the last voiced sample. */
  readonly p50_ms: number;
  readonly p95_ms: number;
}

export interface Ends {
  /** Turns that came to an end. */
  readonly whole: number;
  readonly answered: number;
  readonly interrupted: number;
  readonly failed: number;
}

export interface ModelUsage {
  readonly provider: string;
  readonly calls: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost: number;
}

const MOST_DAYS = 31;
const DAY_MS = 86_400_000;
const dayOf = (moment: string) => new Date(moment).toISOString().slice(0, 10);

/** The value that a share of all is at or below (nearest rank); of nothing: NaN. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Every day from the first that the sample reaches to its last, without gaps; at most a month of them. */
export function daysOf({ seen, whole }: Sample): readonly Day[] {
  const moments = seen.flatMap((one) => [
    one.conversation.created_at,
    ...one.turns.map((turn) => turn.created_at),
  ]);
  const reached = seen.map((one) => dayOf(one.conversation.updated_at)).sort();
  const days = moments.map(dayOf).sort();
  const first = whole ? days[0] : reached[0];
  const last = days.at(-1);
  if (first === undefined || last === undefined) return [];
  return daysBetween(first, last).map((day) => {
    const begun = seen.filter((one) => dayOf(one.conversation.created_at) === day);
    const calls = begun.filter((one) => one.conversation.channel === 'voice').length;
    const turns = seen.flatMap((one) => one.turns).filter((turn) => dayOf(turn.created_at) === day).length;
    return { day, calls, texts: begun.length - calls, turns };
  });
}

/** Both among them, oldest first; the last month when there are more. */
export function daysBetween(first: string, last: string): readonly string[] {
  const end = Date.parse(last);
  const begin = Math.max(Date.parse(first), end - (MOST_DAYS - 1) * DAY_MS);
  const count = Math.max(1, Math.round((end - begin) / DAY_MS) + 1);
  return Array.from({ length: count }, (_, index) => dayOf(new Date(begin + index * DAY_MS).toISOString()));
}

/** Of spoken turns alone: what is typed has no last sound to count from. Stages that never happened are left out. */
export function delaysOf({ seen }: Sample): readonly Delay[] {
  const timings = seen
    .filter((one) => one.conversation.channel === 'voice')
    .flatMap((one) => one.turns.map((turn) => turn.timings));
  return STAGES.flatMap((stage) => {
    const values = timings.map((one) => one?.[`${stage}_ms`]).filter((one) => typeof one === 'number');
    if (values.length === 0) return [];
    return [{ stage, count: values.length, p50_ms: quantile(values, 0.5), p95_ms: quantile(values, 0.95) }];
  });
}

export function endsOf({ seen }: Sample): Ends {
  const turns = seen.flatMap((one) => one.turns);
  const count = (state: Turn['state']) => turns.filter((turn) => turn.state === state).length;
  const [answered, interrupted, failed] = [count('answered'), count('interrupted'), count('failed')];
  return { whole: answered + interrupted + failed, answered, interrupted, failed };
}

/** By provider, dearest first. */
export function byModel(rows: Usage['rows']): readonly ModelUsage[] {
  const found = new Map<string, ModelUsage>();
  for (const { provider, ...row } of rows) {
    const before = found.get(provider);
    found.set(provider, {
      provider,
      calls: row.calls + (before?.calls ?? 0),
      prompt_tokens: row.prompt_tokens + (before?.prompt_tokens ?? 0),
      completion_tokens: row.completion_tokens + (before?.completion_tokens ?? 0),
      cost: row.cost + (before?.cost ?? 0),
    });
  }
  const tokens = (one: ModelUsage) => one.prompt_tokens + one.completion_tokens;
  return [...found.values()].sort((a, b) => b.cost - a.cost || tokens(b) - tokens(a));
}

/** Tokens of every day from `since` to the last that has any. */
export function tokensByDay({ since, rows }: Usage): readonly { day: string; tokens: number }[] {
  const last = rows
    .map((row) => row.day)
    .sort()
    .at(-1);
  if (last === undefined) return [];
  return daysBetween(since, last).map((day) => {
    const ofDay = rows.filter((row) => row.day === day);
    return { day, tokens: ofDay.reduce((sum, row) => sum + row.prompt_tokens + row.completion_tokens, 0) };
  });
}
