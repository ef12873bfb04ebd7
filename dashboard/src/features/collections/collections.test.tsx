import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const LIBRARY = {
  collection_id: 'col_1',
  name: 'Library',
  reader_ids: ['user_eve'],
  created_at: '2026-11-20T10:00:00Z',
};
const LIST = { 'GET /api/v1/collections': { items: [LIBRARY] } };
const PASSAGE = {
  chunk_id: 'chunk_1',
  collection_id: 'col_1',
  document_id: 'doc_1',
  title: 'Handbook',
  heading: 'Hours',
  page: 2,
  start: 10,
  end: 40,
  score: 0.5,
  text: '<b>Open</b> at nine.',
  boxes: [],
};
const sent = async (requests: readonly Request[], method: string) =>
  requests.find((one) => one.method === method)?.json();

it('lists collections with their readers, makes and changes one', async () => {
  const { requests } = await openPage('/collections', {
    answers: { ...LIST, 'PUT /api/v1/collections/col_1': LIBRARY },
  });
  expect(await screen.findByText('user_eve')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Change Library' }));
  const dialog = screen.getByRole('dialog', { name: 'Change Library' });
  await userEvent.type(within(dialog).getByLabelText('Readers'), '\nuser_bob, key_1');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('Library is saved.')).toBeInTheDocument();
  expect(await sent(requests, 'PUT')).toEqual({
    name: 'Library',
    reader_ids: ['user_eve', 'user_bob', 'key_1'],
  });
});

it('searches in one collection and shows passages with their places', async () => {
  const { requests, answers } = await openPage('/collections', {
    answers: { ...LIST, 'POST /api/v1/search': { items: [PASSAGE] } },
  });
  await userEvent.selectOptions(await screen.findByLabelText('In'), 'Library');
  await userEvent.type(screen.getByLabelText('Words or question'), 'hours{enter}');
  expect(await screen.findByText('<b>Open</b> at nine.')).toBeInTheDocument();
  expect(screen.getByRole('link', { name: 'Handbook' })).toHaveAttribute('href', '/documents/doc_1?page=2');
  expect(screen.getByText(/page 2, characters 10 to 40/)).toBeInTheDocument();
  expect(await sent(requests, 'POST')).toMatchObject({ query: 'hours', collection_ids: ['col_1'] });
  await expectAccessible();
  answers['POST /api/v1/search'] = { items: [] };
  await userEvent.click(screen.getByRole('button', { name: 'Search' }));
  expect(await screen.findByText('No passage fits.')).toBeInTheDocument();
});

it('asks before it deletes, and shows why it could not', async () => {
  await openPage('/collections', {
    answers: { ...LIST, 'DELETE /api/v1/collections/col_1': () => problem(409, 'collection_not_empty') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Delete Library' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete collection' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('collection_not_empty');
});

it('offers readers the search alone', async () => {
  await openPage('/collections', { scopes: ['documents:read'], answers: LIST });
  expect(await screen.findByLabelText('Words or question')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'New collection' })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Delete Library' })).toBeNull();
});

it('says when there are none', async () => {
  await openPage('/collections', { answers: { 'GET /api/v1/collections': { items: [] } } });
  expect(await screen.findByText('There are no collections that you may read')).toBeInTheDocument();
});

it('says what could not be loaded', async () => {
  await openPage('/collections', {
    answers: { 'GET /api/v1/collections': () => problem(503, 'documents_unavailable') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('documents_unavailable');
});
