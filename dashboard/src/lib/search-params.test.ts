import { expect, it } from 'vitest';
import { choiceParam, countParam, momentParam, present, textParam } from './search-params';

it('reads what fits and drops the rest', () => {
  expect(textParam({ kind: 'manual' }, 'kind')).toBe('manual');
  expect(textParam({ kind: 7 }, 'kind')).toBe('7');
  expect(textParam({ kind: { a: 1 } }, 'kind')).toBeUndefined();
  expect(textParam({ kind: 'x'.repeat(200) }, 'kind')).toBeUndefined();
  expect(choiceParam({ size: 50 }, 'size', [25, 50])).toBe(50);
  expect(choiceParam({ size: 51 }, 'size', [25, 50])).toBeUndefined();
  expect(countParam({ page: 2 }, 'page')).toBe(2);
  for (const page of [0, -1, 1.5, '2', Number.POSITIVE_INFINITY]) {
    expect(countParam({ page }, 'page')).toBeUndefined();
  }
});

it('takes moments with their offset only', () => {
  expect(momentParam({ before: '2026-11-01T10:00:00.123456Z' }, 'before')).toBe(
    '2026-11-01T10:00:00.123456Z',
  );
  for (const before of ['2026-11-01', '2026-11-01T10:00:00', 'yesterday', '2026-99-01T10:00:00Z']) {
    expect(momentParam({ before }, 'before')).toBeUndefined();
  }
});

it('leaves out what is not there', () => {
  expect(Object.keys(present({ state: undefined, kind: 'manual' }))).toEqual(['kind']);
});
