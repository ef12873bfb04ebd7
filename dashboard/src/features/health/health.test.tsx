import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
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
  await openPage('/health', {
    answers: { 'GET /api/v1/health': HEALTH, 'GET /api/v1/events/dead': { waiting: 0, items: [] } },
  });
  const engine = await screen.findByRole('region', { name: 'Core engine' });
  expect(within(engine).getByText('Not ready')).toBeInTheDocument();
  expect(within(engine).getByText('missing')).toBeInTheDocument();
  expect(await screen.findByRole('region', { name: 'Dashboard' })).toBeInTheDocument();
  expect(screen.getByText('1 service is not ready.')).toBeInTheDocument();
  expect(document.title).toBe('Health · voiceagent');
  await expectAccessible();
});

const letter = (mark: string) => ({
  mark,
  at: '2026-11-20T10:00:00Z',
  kind: 'document_ready',
  subject_id: `doc_${mark}`,
  data: {},
});

it('shows events that nobody could handle, and hands them out again', async () => {
  const { requests } = await openPage('/health', {
    answers: {
      'GET /api/v1/health': HEALTH,
      'GET /api/v1/events/dead': { waiting: 3, items: [letter('m1'), letter('m2')] },
      'POST /api/v1/events/revive': { revived: 1 },
    },
  });
  const card = await screen.findByRole('region', { name: 'Events' });
  await userEvent.click(await within(card).findByRole('button', { name: /document_ready of doc_m2/ }));
  const dialog = screen.getByRole('dialog');
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Hand out again' }));
  expect(await screen.findByText('1 event is handed out again.')).toBeInTheDocument();
  expect(await requests.find((one) => one.method === 'POST')?.json()).toEqual({ marks: ['m2'] });
  await userEvent.click(within(card).getByRole('button', { name: 'Hand out all again' }));
  await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Hand out again' }));
  const sent = requests.filter((one) => one.method === 'POST');
  expect(await sent.at(-1)?.json()).toEqual({ marks: ['m1', 'm2'] });
});

it('lets those who may only read see the events, and asks nothing for others', async () => {
  const answers = {
    'GET /api/v1/health': HEALTH,
    'GET /api/v1/events/dead': { waiting: 0, items: [letter('m1')] },
  };
  await openPage('/health', { scopes: ['metrics:read', 'settings:read'], answers });
  expect(await screen.findByText('doc_m1')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: /Hand out/ })).not.toBeInTheDocument();
});

it('asks for no events in the name of who may not see them', async () => {
  const { requests } = await openPage('/health', {
    scopes: ['metrics:read'],
    answers: { 'GET /api/v1/health': HEALTH },
  });
  expect(await screen.findByText('1 service is not ready.')).toBeInTheDocument();
  expect(requests.some((one) => one.url.includes('/events'))).toBe(false);
});

it('shows why it cannot show it', async () => {
  await openPage('/health', {
    scopes: ['metrics:read'],
    answers: { 'GET /api/v1/health': () => problem(500, 'internal', 'Inside.') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('Inside.');
  expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
});

it('asks nothing for callers who may not see it', async () => {
  const { requests } = await openPage('/health', { scopes: ['talk'] });
  expect(await screen.findByText(/lacks the right metrics:read/)).toBeInTheDocument();
  expect(requests.some((one) => one.url.includes('/api/v1/health'))).toBe(false);
  expect(screen.queryByRole('link', { name: 'Health' })).not.toBeInTheDocument();
});
