import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AT = '2026-11-20T10:00:00Z';
const CONVERSATION = {
  conversation_id: 'conv_1',
  agent_id: 'default',
  user_id: 'u',
  title: '',
  channel: 'voice',
  created_at: AT,
  updated_at: AT,
  turn_count: 2,
};
const turn = (turn_id: string, state: string, first_audio_ms: number) => ({
  turn_id,
  state,
  created_at: AT,
  timings: { audio_in_s: 1, audio_out_s: 1, first_audio_ms },
});
const USAGE = {
  since: '2026-11-01',
  tokens: 1500,
  cost: 0.25,
  budget: { tokens: 2000, cost: 0 },
  spent: false,
  rows: [
    {
      day: '2026-11-20',
      provider: 'small',
      calls: 3,
      prompt_tokens: 1200,
      completion_tokens: 300,
      cost: 0.25,
    },
  ],
};
const ANSWERS = {
  'GET /api/v1/conversations': { conversations: [CONVERSATION], next_before: null },
  'GET /api/v1/conversations/conv_1/turns': { turns: [turn('a', 'answered', 800), turn('b', 'failed', 900)] },
  'GET /api/v1/usage': USAGE,
  'GET /api/v1/limits': {
    rates: [{ name: 'search', of: 'caller', per_s: 50, burst: 100 }],
    calls: [{ of: 'caller', most: 20, in_use: 2 }],
  },
};

it('shows every figure in a table, and what it rests on', async () => {
  await openPage('/analytics', { answers: ANSWERS });
  expect(await screen.findByText(/the only conversation that there is, with 2 turns/)).toBeInTheDocument();
  const delays = screen.getByRole('table', { name: 'Response delay by stage' });
  expect(within(delays).getByText('800 ms')).toBeInTheDocument();
  expect(screen.getAllByText('1 (50%)')).toHaveLength(2);
  expect(await screen.findByRole('progressbar', { name: 'Tokens: 1,500 of 2,000' })).toBeInTheDocument();
  expect(screen.getByRole('progressbar', { name: 'Open calls: you: 18 of 20 left' })).toBeInTheDocument();
  expect(screen.getByText('Searches')).toBeInTheDocument();
  await expectAccessible();
});

it('looks at as many conversations as the address says', async () => {
  const { requests } = await openPage('/analytics?sample=100', { answers: ANSWERS });
  await screen.findByText('small');
  const asked = requests.find((one) => new URL(one.url).pathname === '/api/v1/conversations');
  expect(new URL(asked?.url ?? '').searchParams.get('limit')).toBe('100');
});

it('says when there is nothing to look at, and what cannot be loaded', async () => {
  await openPage('/analytics', {
    answers: {
      ...ANSWERS,
      'GET /api/v1/conversations': { conversations: [], next_before: null },
      'GET /api/v1/usage': () => problem(503, 'engine_unavailable'),
    },
  });
  expect(await screen.findByText('No conversations to look at')).toBeInTheDocument();
  expect(await screen.findByRole('alert')).toHaveTextContent('engine_unavailable');
});

it('asks nothing of conversations for those who may not read them', async () => {
  const { requests } = await openPage('/analytics', { scopes: ['metrics:read'], answers: ANSWERS });
  expect(await screen.findByText(/which your role may not read/)).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Change budget' })).toBeNull();
  expect(requests.some((one) => one.url.includes('/conversations'))).toBe(false);
});

it('changes the budget, and shows a refusal', async () => {
  const { answers, requests } = await openPage('/analytics', {
    answers: { ...ANSWERS, 'PUT /api/v1/usage/budgets/ten_a': () => problem(403, 'operators_only') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Change budget' }));
  const dialog = screen.getByRole('dialog');
  const tokens = within(dialog).getByLabelText('Tokens a month');
  await userEvent.clear(tokens);
  await userEvent.type(tokens, '5000');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Save budget' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('operators_only');
  answers['PUT /api/v1/usage/budgets/ten_a'] = { tokens: 5000, cost: 0 };
  await userEvent.click(within(dialog).getByRole('button', { name: 'Save budget' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const sent = requests.filter((one) => one.method === 'PUT').at(-1);
  expect(await sent?.json()).toEqual({ tokens: 5000, cost: 0 });
});
