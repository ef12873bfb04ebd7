import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AGENT = {
  agent_id: 'agent_1',
  name: 'Desk <b>',
  instructions: 'Be brief.',
  greeting: '',
  language: 'en',
  model: 'chat',
  voice: '',
  temperature: 0.2,
  max_output_tokens: 160,
  collection_ids: ['col_a', 'col_hidden'],
  tools: ['clock'],
};
const DEFAULT = { ...AGENT, agent_id: 'default', name: 'Assistant', collection_ids: [], tools: [] };
const TOOLS = [
  { name: 'calculator', description: 'Counts.', effect: 'read', confirm: false },
  { name: 'clock', description: 'Tells the time.', effect: 'read', confirm: false },
];
const COLLECTION = {
  collection_id: 'col_a',
  name: 'Library',
  reader_ids: [],
  created_at: '2026-11-20T10:00:00Z',
};
const ANSWERS = {
  'GET /api/v1/agents': { agents: [AGENT, DEFAULT] },
  'GET /api/v1/agents/agent_1': AGENT,
  'GET /api/v1/agents/default': DEFAULT,
  'GET /api/v1/agents/tools': { tools: TOOLS },
  'GET /api/v1/collections': { items: [COLLECTION] },
};
const sent = async (requests: readonly Request[], method: string) =>
  requests.find((one) => one.method === method)?.json();

it('lists agents, the default one first', async () => {
  await openPage('/agents', { answers: ANSWERS });
  const rows = await screen.findAllByRole('row');
  expect(rows.map((row) => within(row).queryByRole('link')?.textContent)).toEqual([
    undefined,
    'Assistant',
    'Desk <b>',
  ]);
  await expectAccessible();
});

it('changes an agent and keeps what the caller cannot see', async () => {
  const { requests } = await openPage('/agents/agent_1', {
    answers: { ...ANSWERS, 'PUT /api/v1/agents/agent_1': { ...AGENT, name: 'Front' } },
  });
  const name = await screen.findByLabelText('Name');
  await userEvent.clear(name);
  await userEvent.type(name, 'Front');
  await userEvent.click(await screen.findByLabelText('calculator'));
  await userEvent.click(screen.getByLabelText('clock'));
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('Front is saved.')).toBeInTheDocument();
  const { agent_id: _, ...rest } = AGENT;
  expect(await sent(requests, 'PUT')).toEqual({ ...rest, name: 'Front', tools: ['calculator'] });
});

it('asks it a question and shows what the answer rests on', async () => {
  const source = { document_id: 'doc_1', title: 'Handbook', page: 2, start: 4, end: 9, quote: '<i>nine</i>' };
  const { requests } = await openPage('/agents/agent_1', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/ask': {
        answer: 'It opens at nine.',
        grounding: 'extracted',
        sources: [source],
        model: '',
        retrieval_ms: 12.4,
      },
    },
  });
  await userEvent.type(await screen.findByLabelText('Question'), 'When?{enter}');
  expect(await screen.findByText('It opens at nine.')).toBeInTheDocument();
  expect(screen.getByText('<i>nine</i>')).toBeInTheDocument();
  expect(screen.getByRole('link', { name: 'Handbook' })).toHaveAttribute('href', '/documents/doc_1?page=2');
  expect(await sent(requests, 'POST')).toEqual({ agent_id: 'agent_1', question: 'When?' });
  await expectAccessible();
});

it('tells why a question was not answered', async () => {
  await openPage('/agents/agent_1', {
    answers: { ...ANSWERS, 'POST /api/v1/ask': () => problem(503, 'llm_unavailable', 'no model') },
  });
  await userEvent.type(await screen.findByLabelText('Question'), 'When?{enter}');
  expect(await screen.findByRole('alert')).toHaveTextContent('llm_unavailable');
});

it('makes a new agent, and shows it', async () => {
  const { router, requests } = await openPage('/agents/new', {
    answers: { ...ANSWERS, 'POST /api/v1/agents': () => Response.json(AGENT, { status: 201 }) },
  });
  await userEvent.type(await screen.findByLabelText('Name'), 'Desk');
  await screen.findByLabelText('Library');
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/agents/agent_1'));
  expect(await sent(requests, 'POST')).toMatchObject({ name: 'Desk', model: 'chat', tools: [] });
});

it('keeps what was typed when it is refused', async () => {
  await openPage('/agents/agent_1', {
    answers: { ...ANSWERS, 'PUT /api/v1/agents/agent_1': () => problem(422, 'unknown_model') },
  });
  const model = await screen.findByLabelText('Model');
  await userEvent.clear(model);
  await userEvent.type(model, 'lost');
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('unknown_model');
  expect(model).toHaveValue('lost');
});

it('deletes an agent after asking, and resets the default one', async () => {
  const { router } = await openPage('/agents/agent_1', {
    answers: { ...ANSWERS, 'DELETE /api/v1/agents/agent_1': null },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Delete' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete agent' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('Desk <b> is deleted.')).toBeInTheDocument();
  expect(router.state.location.pathname).toBe('/agents');
  await router.navigate({ to: '/agents/$agentId', params: { agentId: 'default' } });
  expect(await screen.findByRole('button', { name: 'Reset' })).toBeInTheDocument();
});

it('only shows to those who may only read, and to nobody else', async () => {
  const { router } = await openPage('/agents/agent_1', { scopes: ['agents:read'], answers: ANSWERS });
  expect(await screen.findByLabelText('Name')).toBeDisabled();
  expect(screen.queryByRole('button', { name: 'Save' })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull();
  expect(screen.queryByLabelText('Question')).toBeNull();
  await router.navigate({ to: '/agents/new' });
  expect(await screen.findByText(/agents:write/)).toBeInTheDocument();
});

it('tells what cannot be loaded', async () => {
  await openPage('/agents', { answers: { 'GET /api/v1/agents': () => problem(500, 'internal') } });
  expect(await screen.findByText('req_1')).toBeInTheDocument();
});
