import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AT = '2026-11-20T10:00:00Z';
const ONE = {
  conversation_id: 'conv_1',
  agent_id: 'default',
  user_id: 'user_ada',
  channel: 'voice',
  created_at: AT,
  updated_at: AT,
  title: '<b>Hours</b>',
  turn_count: 1,
};
const TURN = {
  turn_id: 'turn_1',
  conversation_id: 'conv_1',
  asked: 'When does it open?',
  answer: 'At nine, and it closes at six.',
  heard: 'At nine',
  state: 'interrupted',
  created_at: AT,
  timings: { soft_end_ms: 200, first_audio_ms: 900, retrieval_ms: 30, audio_in_s: 2, audio_out_s: 1 },
  citations: [
    {
      document_id: 'doc_1',
      title: 'Handbook',
      page: 3,
      start: 0,
      end: 9,
      quote: 'opens at nine',
      score: 1,
      boxes: [],
    },
  ],
  model: 'scripted',
  prompt_tokens: 10,
  completion_tokens: 5,
  error_code: null,
};
const PATH = 'GET /api/v1/conversations';

it('lists a page, and goes on by the address', async () => {
  const { router, requests } = await openPage('/conversations', {
    answers: { [PATH]: { conversations: [ONE], next_before: AT, next_before_id: 'conv_1' } },
  });
  const table = await screen.findByRole('table', { name: 'Conversations' });
  expect(within(table).getByRole('link', { name: '<b>Hours</b>' })).toHaveAttribute(
    'href',
    '/conversations/conv_1',
  );
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Next page' }));
  expect(router.state.location.search).toEqual({ before: AT, before_id: 'conv_1' });
  expect(requests.some((one) => new URL(one.url).searchParams.get('before') === AT)).toBe(true);
  await userEvent.click(await screen.findByRole('button', { name: 'Newest' }));
  expect(router.state.location.search).toEqual({});
});

it('says that there are none', async () => {
  await openPage('/conversations', {
    answers: { [PATH]: { conversations: [], next_before: null, next_before_id: null } },
  });
  expect(await screen.findByText('No conversations yet')).toBeInTheDocument();
});

it('shows turns with what was heard, sources and times, and deletes', async () => {
  const { requests, router } = await openPage('/conversations/conv_1', {
    answers: {
      [PATH]: { conversations: [], next_before: null, next_before_id: null },
      'GET /api/v1/conversations/conv_1': ONE,
      'GET /api/v1/conversations/conv_1/turns': { turns: [TURN] },
      'DELETE /api/v1/conversations/conv_1': null,
    },
  });
  expect(await screen.findByText('When does it open?')).toBeInTheDocument();
  expect(screen.getByText(', and it closes at six.').tagName).toBe('DEL');
  expect(screen.getByText('opens at nine')).toBeInTheDocument();
  expect(screen.getByRole('link', { name: 'Handbook' })).toHaveAttribute('href', '/documents/doc_1?page=3');
  expect(
    within(screen.getByRole('figure', { name: 'Time to answer' })).getByText('900 ms'),
  ).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete conversation' });
  expect(within(dialog).getByRole('button', { name: 'Cancel' })).toHaveFocus();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('The conversation is deleted.')).toBeInTheDocument();
  expect(requests.find((one) => one.method === 'DELETE')?.headers.get('x-csrf-token')).toBe('csrf_1');
  expect(router.state.location.pathname).toBe('/conversations');
});

it('offers no deletion to those who may only read', async () => {
  await openPage('/conversations/conv_1', {
    scopes: ['conversations:read'],
    answers: {
      'GET /api/v1/conversations/conv_1': ONE,
      'GET /api/v1/conversations/conv_1/turns': { turns: [TURN] },
    },
  });
  expect(await screen.findByText('When does it open?')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Delete' })).not.toBeInTheDocument();
  expect(screen.queryByRole('link', { name: 'Handbook' })).not.toBeInTheDocument();
});

it('tells of a conversation that is not there', async () => {
  await openPage('/conversations/conv_0', {
    answers: { 'GET /api/v1/conversations/conv_0': () => problem(404, 'conversation_not_found') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('There is no such conversation');
});

it('offers to reveal the pseudonyms of the turns to who may', async () => {
  const answers = {
    [`${PATH}/conv_1`]: ONE,
    [`${PATH}/conv_1/turns`]: { turns: [{ ...TURN, asked: 'Charge [card:bcdfghjklm].' }] },
  };
  await openPage('/conversations/conv_1', { answers });
  await userEvent.click(await screen.findByRole('button', { name: 'Reveal pseudonyms' }));
  expect(screen.getByLabelText('Pseudonyms')).toHaveValue('[card:bcdfghjklm]');
  expect(screen.queryByLabelText('Id of the conversation')).not.toBeInTheDocument();
});

it('does not offer it to others', async () => {
  const answers = {
    [`${PATH}/conv_1`]: ONE,
    [`${PATH}/conv_1/turns`]: { turns: [{ ...TURN, asked: 'Charge [card:bcdfghjklm].' }] },
  };
  await openPage('/conversations/conv_1', { scopes: ['conversations:read'], answers });
  expect(await screen.findByText(/Charge/)).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Reveal pseudonyms' })).not.toBeInTheDocument();
});
