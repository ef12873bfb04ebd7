import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ACTIONS } from './actions';

it('knows every record that the documentation names', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/audit.md'), 'utf-8');
  const named = [...page.matchAll(/^\| `([a-z_]+)`/gm)].map((match) => match[1]);
  expect(named.length).toBeGreaterThan(40);
  expect([...ACTIONS]).toEqual(named);
});
