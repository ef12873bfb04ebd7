import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, GATEWAY, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const HOSTILE = '<img src=x onerror=alert(1)>';
const ENTRY = {
  sequence: 1234,
  at: '2026-11-20T10:00:00Z',
  subject: 'user_ada',
  action: 'key_created',
  object_id: HOSTILE,
  request_id: 'req_77',
  data: { prefix: 'va_abcd', count: 2, gone: null },
  entry_id: 'entry_1',
  previous_sha256: 'ab'.repeat(32),
  sha256: 'cd'.repeat(32),
};
const page = (...items: unknown[]) => ({ items, next_before: items.length ? 1234 : null });

it('shows records, all of them as text, and leads on to older ones', async () => {
  const { router, requests } = await openPage('/audit', {
    answers: { 'GET /api/v1/audit': page(ENTRY) },
  });
  expect(await screen.findByText(HOSTILE)).toBeInTheDocument();
  expect(screen.getByText('va_abcd')).toBeInTheDocument();
  expect(screen.getByText('No. 1234')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Next page' }));
  await waitFor(() => expect(router.state.location.search).toEqual({ before: 1234 }));
  expect(requests.some((one) => new URL(one.url).searchParams.get('before') === '1234')).toBe(true);
});

it('searches by what the address says, and exports the same', async () => {
  const { router, requests } = await openPage('/audit?action=signed_in&since=never', {
    answers: { 'GET /api/v1/audit': page() },
  });
  expect(await screen.findByText('No records like that')).toBeInTheDocument();
  expect(screen.getByLabelText('Action')).toHaveValue('signed_in');
  await userEvent.type(screen.getByLabelText('Who'), ' user_ada');
  await userEvent.type(screen.getByLabelText('From'), '2026-03-01T14:30');
  await userEvent.click(screen.getByRole('button', { name: 'Search' }));
  const since = new Date('2026-03-01T14:30').toISOString();
  await waitFor(() =>
    expect(router.state.location.search).toEqual({ action: 'signed_in', subject: 'user_ada', since }),
  );
  const asked = new URL(requests.at(-1)?.url ?? '').searchParams;
  expect([asked.get('subject'), asked.get('since'), asked.get('limit')]).toEqual(['user_ada', since, '50']);
  const href = new URL(screen.getByRole('link', { name: 'Export CSV' }).getAttribute('href') ?? '');
  expect(href.origin + href.pathname).toBe(`${GATEWAY}/api/v1/audit/export`);
  expect(Object.fromEntries(href.searchParams)).toEqual({
    action: 'signed_in',
    subject: 'user_ada',
    since,
    format: 'csv',
  });
  await userEvent.click(screen.getByRole('button', { name: 'Clear' }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
  expect(screen.getByLabelText('Action')).toHaveValue('');
});

it('tells why records cannot be shown', async () => {
  await openPage('/audit', {
    answers: { 'GET /api/v1/audit': () => problem(503, 'store_unavailable', 'Away.') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('Away.');
});

it('refuses the page without the right to it', async () => {
  await openPage('/audit', { scopes: ['talk'] });
  expect(await screen.findByText(/lacks the right audit:read/)).toBeInTheDocument();
});
