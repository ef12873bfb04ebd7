import { expect, it } from 'vitest';
import { pseudonymsIn } from './pseudonyms';

it('finds each pseudonym once, and nothing that only looks like one', () => {
  const card = '[card:bcdfghjklm]';
  const name = '[name:bcdfghjklmnp.2]';
  expect(pseudonymsIn([`My card ${card}, ${name}.`, `again ${card}`])).toEqual([card, name]);
  expect(pseudonymsIn(['[card:abc] [Card:bcdfghjklm] [2] card:bcdfghjklm', ''])).toEqual([]);
});
