import { expect, it } from 'vitest';
import { formatAgo, formatBytes } from './formats';

it('writes sizes', () => {
  expect(formatBytes(0, 'en')).toBe('0 bytes');
  expect(formatBytes(832, 'en')).toBe('832 bytes');
  expect(formatBytes(1_250_000, 'en')).toBe('1.3 MB');
  expect(formatBytes(1_250_000, 'de')).toBe('1,3 MB');
});

it('speaks of moments', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const ago = (seconds: number) => formatAgo(new Date(now.getTime() - seconds * 1000), now, 'en');
  expect(ago(5)).toBe('5 seconds ago');
  expect(ago(3 * 3600 + 59)).toBe('3 hours ago');
  expect(ago(86_400)).toBe('yesterday');
  expect(ago(30 * 86_400)).toBe('Oct 24, 2026');
});
