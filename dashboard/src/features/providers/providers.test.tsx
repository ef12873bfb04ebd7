import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';
import { priceWords } from './price';
import { settingsOf, wordsOf } from './settings';

const BASE = {
  tenants: [],
  agents: [],
  languages: [],
  priority: 5,
  price_in: 0,
  price_out: 0,
  concurrency: 0,
  patience_s: 1.5,
  unload_after_s: 0,
  enabled: true,
  has_key: true,
  state: 'closed',
  loaded: true,
  running: 0,
  first_token_ms: 240,
  last_code: '',
} as const;
const STORED = {
  ...BASE,
  name: 'big/model',
  kind: 'llm',
  url: 'openai+https://llm.example.com/v1?model=big',
  source: 'store',
  roles: ['chat', 'summary'],
  price_in: 0.4,
  price_out: 1.6,
  capabilities: { model: 'big', local: true, concurrency: 4, context_tokens: 8192, tools: true },
} as const;
const FIXED = {
  ...BASE,
  name: 'stt:small',
  kind: 'stt',
  url: 'whisper:///',
  source: 'settings',
  roles: [],
  has_key: false,
  state: 'elsewhere',
  capabilities: null,
} as const;
const LIST = { 'GET /api/v1/providers': { providers: [STORED, FIXED] } };
const ONE = '/api/v1/providers/big%2Fmodel';
const open = (answers = {}) => openPage('/providers/big%2Fmodel', { answers: { ...LIST, ...answers } });

it('lists providers by kind, with health and price', async () => {
  await openPage('/providers', { answers: LIST });
  const models = await screen.findByRole('table', { name: 'Language models' });
  expect(within(models).getByText('Well')).toBeInTheDocument();
  expect(within(models).getByText('$0.40 in, $1.60 out per million tokens')).toBeInTheDocument();
  expect(screen.getByText('Asked by other services')).toBeInTheDocument();
  expect(screen.getAllByText('None of this kind.')).toHaveLength(2);
  await expectAccessible();
});

it('adds a provider of the kind that is chosen, and keeps no key', async () => {
  const { router, requests, session } = await openPage('/providers', {
    answers: { ...LIST, 'POST /api/v1/providers': () => Response.json(STORED, { status: 201 }) },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Add provider' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.selectOptions(within(dialog).getByLabelText('Kind'), 'Speech recognition');
  expect(within(dialog).queryByLabelText('Roles')).toBeNull();
  await userEvent.type(within(dialog).getByLabelText('Name'), 'german');
  await userEvent.type(within(dialog).getByLabelText('Address'), 'openai+https://stt.example.com/v1');
  await userEvent.type(within(dialog).getByLabelText('Key'), 'sk-secret');
  await userEvent.type(within(dialog).getByLabelText('Languages'), 'de, de-AT');
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Add provider' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/providers/big%2Fmodel'));
  const sent = await requests.find((one) => one.method === 'POST')?.json();
  expect(sent).toMatchObject({
    name: 'german',
    kind: 'stt',
    api_key: 'sk-secret',
    languages: ['de', 'de-AT'],
    enabled: true,
  });
  expect(sent).not.toHaveProperty('roles');
  expect(document.body.innerHTML).not.toContain('sk-secret');
  expect(session.caller?.tenantId).toBe('ten_a');
});

it('changes settings without telling the key anew', async () => {
  const { requests } = await open({ [`PUT ${ONE}`]: STORED });
  await userEvent.click(await screen.findByRole('button', { name: 'Change' }));
  const dialog = screen.getByRole('dialog', { name: 'Change big/model' });
  const priority = within(dialog).getByLabelText('Priority');
  await userEvent.clear(priority);
  await userEvent.type(priority, '7');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('big/model is saved.')).toBeInTheDocument();
  const sent = await requests.find((one) => one.method === 'PUT')?.json();
  expect(sent).toEqual({ ...settingsOf(STORED as never), priority: 7 });
});

it('switches off, tries, unloads and removes', async () => {
  const { router, requests } = await open({
    [`PUT ${ONE}`]: { ...STORED, enabled: false },
    [`POST ${ONE}/test`]: { well: false, first_token_ms: null, code: 'provider_deadline' },
    [`POST ${ONE}/unload`]: () => problem(409, 'provider_busy'),
    [`DELETE ${ONE}`]: null,
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Switch off' }));
  const ask = screen.getByRole('dialog', { name: 'Switch off: big/model' });
  await userEvent.click(within(ask).getByRole('button', { name: 'Switch off' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(await requests.find((one) => one.method === 'PUT')?.json()).toMatchObject({ enabled: false });
  await userEvent.click(screen.getByRole('button', { name: 'Try it' }));
  expect(await screen.findByText('provider_deadline')).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Unload' }));
  expect(await screen.findByText('provider_busy', { selector: 'code' })).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Remove' }));
  const sure = screen.getByRole('dialog', { name: 'Remove provider' });
  await userEvent.click(within(sure).getByRole('button', { name: 'Remove' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/providers'));
});

it('offers no change of what stands in the settings, nor to those who may only read', async () => {
  const { router } = await openPage('/providers/stt:small', { answers: LIST });
  expect(await screen.findByText(/It stands in the settings/)).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Remove' })).toBeNull();
  await router.navigate({ to: '/providers/$name', params: { name: 'lost' } });
  expect(await screen.findByText('There is no provider of this name')).toBeInTheDocument();
});

it('hides what may not be done, and shows the refusal of others', async () => {
  await openPage('/providers', {
    scopes: ['settings:read'],
    answers: { 'GET /api/v1/providers': () => problem(403, 'operators_only') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('operators_only');
  expect(screen.queryByRole('button', { name: 'Add provider' })).toBeNull();
});

it('reads words and says prices', () => {
  expect(wordsOf(' de,, de-AT ,')).toEqual(['de', 'de-AT']);
  const t = (key: string) => key;
  expect(priceWords({ kind: 'stt', price_in: 0.36, price_out: 0 }, t, 'en')).toBe('providers.price.stt');
  expect(priceWords({ kind: 'llm', price_in: 0, price_out: 0 }, t, 'en')).toBe('providers.price.free');
});
