import { screen, within } from '@testing-library/react';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const well = { status: 'ok', live: true, latency_ms: 3.2, parts: { store: true } };
const HEALTH = {
  status: 'unavailable',
  version: '0.1.0',
  outbound_held: '',
  services: { gateway: well, engine: { ...well, status: 'unavailable', parts: { llm: false } } },
};

it('shows every service, and which part is missing', async () => {
  await openPage('/health', { answers: { 'GET /api/v1/health': HEALTH } });
  const engine = await screen.findByRole('region', { name: 'Core engine' });
  expect(within(engine).getByText('Not ready')).toBeInTheDocument();
  expect(within(engine).getByText('missing')).toBeInTheDocument();
  expect(await screen.findByRole('region', { name: 'Dashboard' })).toBeInTheDocument();
  expect(screen.getByText('1 service is not ready.')).toBeInTheDocument();
  expect(document.title).toBe('Health · voiceagent');
  await expectAccessible();
});

it('shows why it cannot show it', async () => {
  await openPage('/health', { answers: { 'GET /api/v1/health': () => problem(500, 'internal', 'Inside.') } });
  expect(await screen.findByRole('alert')).toHaveTextContent('Inside.');
  expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
});

it('asks nothing for callers who may not see it', async () => {
  const { requests } = await openPage('/health', { scopes: ['talk'] });
  expect(await screen.findByText(/lacks the right metrics:read/)).toBeInTheDocument();
  expect(requests.some((one) => one.url.includes('/api/v1/health'))).toBe(false);
  expect(screen.queryByRole('link', { name: 'Health' })).not.toBeInTheDocument();
});
