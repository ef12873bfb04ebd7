import { expect, it } from 'vitest';
import { safeTarget } from './safe-target';

it('leads to pages of this application only', () => {
  expect(safeTarget('/documents?state=failed')).toBe('/documents?state=failed');
  for (const target of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '',
    '/\t/evil',
    7,
  ]) {
    expect(safeTarget(target)).toBeUndefined();
  }
});
