import { expect, it } from 'vitest';
import { heardParts } from './heard-parts';

it('parts an answer at what was heard', () => {
  const answer = 'On Sundays it is closed.';
  expect(heardParts({ answer, heard: 'On Sundays', state: 'interrupted' })).toEqual({
    heard: 'On Sundays',
    unheard: ' it is closed.',
  });
  expect(heardParts({ answer, heard: 'Something else', state: 'interrupted' }).unheard).toBe('');
  expect(heardParts({ answer, heard: '', state: 'answered' }).heard).toBe(answer);
});
