import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';
import type { Setting } from './queries';

const setting = (name: string, more: Partial<Setting>): Setting => ({
  name,
  variable: `VOICEAGENT_${name.replace('.', '__').toUpperCase()}`,
  meaning: `What ${name} means.`,
  value: '',
  is_set: false,
  default: '',
  source: 'default',
  place: '',
  ...more,
});
const SETTINGS = {
  apart: false,
  areas: [
    {
      name: 'server',
      meaning: 'Addresses of the servers.',
      settings: [
        setting('server.gateway_port', {
          value: '9090',
          default: '8080',
          source: 'file',
          place: '/etc/va.toml:3',
        }),
        setting('server.scrape_token', { value: null, is_set: true, source: 'environment' }),
      ],
    },
    {
      name: 'llm',
      meaning: 'The language model.',
      settings: [setting('llm.url', { value: 'llamacpp:///' }), setting('llm.fallback_url', {})],
    },
  ],
};
const answers = { 'GET /api/v1/settings': SETTINGS };

it('shows every setting, where it comes from, how it is changed, and of secrets only that they are set', async () => {
  await openPage('/settings', { answers });
  const server = await screen.findByRole('region', { name: 'server' });
  const rows = within(server).getAllByRole('listitem');
  expect(rows[0]).toHaveTextContent('server.gateway_port');
  expect(rows[0]).toHaveTextContent('9090');
  expect(rows[0]).toHaveTextContent('/etc/va.toml:3');
  expect(rows[0]).toHaveTextContent('VOICEAGENT_SERVER__GATEWAY_PORT');
  expect(rows[0]).toHaveTextContent('--set server.gateway_port=…');
  expect(rows[1]).toHaveTextContent('Set (secret)');
  expect(screen.getByText(/All services run in one process/)).toBeInTheDocument();
  expect(screen.getByText('4 settings')).toBeInTheDocument();
  const llm = screen.getByRole('region', { name: 'llm' });
  expect(within(llm).getByRole('link')).toHaveAttribute('href', '/providers');
  await expectAccessible();
});

it('finds settings by words, and by where they come from; what is sought stands in the address', async () => {
  const { router } = await openPage('/settings?source=environment', { answers });
  expect(await screen.findByText('1 setting')).toBeInTheDocument();
  expect(screen.getByText('server.scrape_token')).toBeInTheDocument();
  await userEvent.selectOptions(screen.getByLabelText('From'), 'Any');
  await userEvent.type(screen.getByLabelText('Search'), 'language nothing');
  expect(router.state.location.search).toEqual({ q: 'language nothing' });
  expect(await screen.findByText('No settings like that')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Show all' }));
  expect(await screen.findByText('4 settings')).toBeInTheDocument();
});

it('says whose settings they are where services run apart', async () => {
  await openPage('/settings', { answers: { 'GET /api/v1/settings': { ...SETTINGS, apart: true } } });
  expect(await screen.findByText(/settings of the gateway’s process/)).toBeInTheDocument();
});

it('is for the organisation that runs the platform', async () => {
  await openPage('/settings', {
    answers: { 'GET /api/v1/settings': () => problem(403, 'operators_only', 'Not yours.') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('operators_only');
  expect(screen.queryByRole('link', { name: 'Configuration' })).not.toBeInTheDocument();
});

it('asks nothing for callers who may not see it', async () => {
  const { requests } = await openPage('/settings', { scopes: ['talk'] });
  expect(await screen.findByText(/lacks the right settings:read/)).toBeInTheDocument();
  expect(requests.some((one) => one.url.includes('/api/v1/settings'))).toBe(false);
});
