import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it, vi } from 'vitest';

const DONE = {
  erasure_id: 'era_1',
  state: 'done',
  step: '',
  progress: 1,
  documents: 'delete',
  removed: { conversations: 3, keys: 0 },
  requested_at: '2026-11-20T10:00:00Z',
  finished_at: '2026-11-20T10:01:00Z',
  subject_hmac: 'ab',
  certificate: { erasure_id: 'era_1', signature: 'xyz' },
};
const ANSWERS = {
  'GET /api/v1/privacy/retention': { transcripts_days: 365, audio_days: 30, documents_days: null },
  'GET /api/v1/privacy/holds': { everything: false, names: ['h1'] },
  'GET /api/v1/privacy/erasures': { items: [DONE], next_before: null, next_before_id: null },
};
const sent = async (requests: readonly Request[], method: string) =>
  requests.find((one) => one.method === method)?.json();

it('shows retention, holds and erasures, and gives the certificate', async () => {
  const made: Blob[] = [];
  vi.stubGlobal(
    'URL',
    Object.assign(URL, {
      createObjectURL: (file: Blob) => String(made.push(file)),
      revokeObjectURL: vi.fn(),
    }),
  );
  await openPage('/privacy', { answers: ANSWERS });
  expect(await screen.findByText('365 days')).toBeInTheDocument();
  expect(screen.getByText('without end')).toBeInTheDocument();
  expect(await screen.findByText('conversations 3')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Download the certificate of era_1' }));
  expect(made).toHaveLength(1);
});

it('changes retention; empty is without end', async () => {
  const { requests } = await openPage('/privacy', {
    answers: { ...ANSWERS, 'PUT /api/v1/privacy/retention': {} },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Change retention' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.clear(within(dialog).getByLabelText('Recordings (days)'));
  await userEvent.click(within(dialog).getByRole('button', { name: 'Save retention' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const wanted = { transcripts_days: 365, audio_days: null, documents_days: null };
  expect(await sent(requests, 'PUT')).toEqual(wanted);
});

it('replaces holds only when it is said that others go', async () => {
  const { requests } = await openPage('/privacy', {
    answers: { ...ANSWERS, 'PUT /api/v1/privacy/holds': { everything: false, names: ['h2'] } },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Change holds' }));
  const dialog = screen.getByRole('dialog');
  expect(within(dialog).getByText(/1 person is held now/)).toBeInTheDocument();
  await userEvent.type(within(dialog).getByLabelText('People who are held'), 'bob@example.org');
  const sure = within(dialog).getByLabelText(/held no longer/);
  expect(sure).toBeRequired();
  await userEvent.click(sure);
  await userEvent.click(within(dialog).getByRole('button', { name: 'Replace holds' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(await sent(requests, 'PUT')).toEqual({ everything: false, subjects: ['bob@example.org'] });
});

it('erases after asking twice, and shows a refusal', async () => {
  const { requests } = await openPage('/privacy', {
    answers: { ...ANSWERS, 'POST /api/v1/privacy/erasures': () => problem(409, 'legal_hold') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Erase a person' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.type(within(dialog).getByLabelText('Person'), 'bob@example.org');
  await userEvent.selectOptions(within(dialog).getByLabelText('Documents'), 'Kept');
  await userEvent.click(within(dialog).getByLabelText(/right person/));
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Erase for good' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('legal_hold');
  expect(await sent(requests, 'POST')).toEqual({ subject: 'bob@example.org', documents: 'keep' });
});

it('is nobody else’s to see, and says what cannot be loaded', async () => {
  await openPage('/privacy', {
    scopes: ['privacy:write'],
    answers: { ...ANSWERS, 'GET /api/v1/privacy/holds': () => problem(503, 'documents_unavailable') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('documents_unavailable');
});
