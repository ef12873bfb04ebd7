import { expect, it } from 'vitest';
import { fromField, toField } from './local-moments';

it('leads from a field to the address and back', () => {
  const moment = fromField('2026-03-01T14:30');
  expect(moment).toMatch(/^2026-0\d-\d\dT\d\d:\d\d:00\.000Z$/);
  expect(toField(moment)).toBe('2026-03-01T14:30');
});

it('takes what is no moment for none', () => {
  expect(fromField('')).toBeUndefined();
  expect(fromField('soon')).toBeUndefined();
  expect(toField(undefined)).toBe('');
});
