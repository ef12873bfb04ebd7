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
  'GET /api/v1/audit': { items: [], next_before: null },
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

it('holds one person beside the others, and releases one by the name of the hold', async () => {
  const { requests } = await openPage('/privacy', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/privacy/holds/subjects': { everything: false, names: ['h1', 'h2'], name: 'h2' },
      'DELETE /api/v1/privacy/holds/subjects': { everything: false, names: [], name: 'h1' },
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Hold a person' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.type(within(dialog).getByLabelText('Person'), ' bob@example.org ');
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Hold' }));
  expect(await screen.findByText('The person is held.')).toBeInTheDocument();
  expect(await sent(requests, 'POST')).toEqual({ subject: 'bob@example.org' });
  await userEvent.click(screen.getByRole('button', { name: 'Release h1' }));
  await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Release' }));
  expect(await screen.findByText('The hold is released.')).toBeInTheDocument();
  expect(await sent(requests, 'DELETE')).toEqual({ subject: 'h1' });
  expect(requests.some((one) => one.method === 'PUT')).toBe(false);
});

it('releases whom somebody names, and tells when nothing is known of them', async () => {
  await openPage('/privacy', {
    answers: {
      ...ANSWERS,
      'DELETE /api/v1/privacy/holds/subjects': () => problem(404, 'subject_not_found'),
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Release a person' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.type(within(dialog).getByLabelText('Person'), 'nobody');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Release' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('Nothing is known of this person');
});

it('holds everything, and those who are held stay held', async () => {
  const { requests } = await openPage('/privacy', {
    answers: { ...ANSWERS, 'PUT /api/v1/privacy/holds': { everything: true, names: ['h1'] } },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Hold everything' }));
  await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Hold' }));
  expect(await screen.findByText('Everything is held.')).toBeInTheDocument();
  expect(await sent(requests, 'PUT')).toEqual({ everything: true, subjects: null });
});

const record = (sequence: number, action: string, data: object) => ({
  sequence,
  action,
  data,
  at: '2026-11-20T10:00:00Z',
  subject: 'service:retention',
  object_id: 'ten_default',
  request_id: '',
  sha256: 'ab',
});
/** The audit log, by the action that is asked for. */
const audited = (records: Record<string, readonly object[]>) => (request: Request) => {
  const action = new URL(request.url).searchParams.get('action') ?? '';
  return Response.json({ items: records[action] ?? [], next_before: null });
};

it('shows what retention held back and is neither allowed nor gone since, and allows it', async () => {
  const { requests } = await openPage('/privacy', {
    answers: {
      ...ANSWERS,
      'GET /api/v1/audit': audited({
        retention_held_back: [
          record(9, 'retention_held_back', { class: 'transcripts', due: 40, total: 100 }),
          record(5, 'retention_held_back', { class: 'audio', due: 7, total: 9 }),
          record(4, 'retention_held_back', { class: 'documents', due: 3, total: 9 }),
        ],
        retention_approved: [record(6, 'retention_approved', { class: 'audio', count: 7 })],
        retention_applied: [record(7, 'retention_applied', { documents: 3 })],
      }),
      'POST /api/v1/privacy/retention/approvals': null,
    },
  });
  expect(await screen.findByText(/40 of 100 are due at once/)).toBeInTheDocument();
  expect(screen.getByText(/^Allowed; it goes within the hour/)).toBeInTheDocument();
  expect(screen.queryByText(/3 of 9/)).not.toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Allow a removal: Conversations' }));
  const dialog = screen.getByRole('dialog');
  expect(within(dialog).getByLabelText('At most')).toHaveValue(40);
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Allow it' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(await sent(requests, 'POST')).toEqual({ data_class: 'transcripts', count: 40 });
});

it('lets those who may not read the audit log name what they allow', async () => {
  const { requests } = await openPage('/privacy', {
    scopes: ['privacy:write'],
    answers: { ...ANSWERS, 'POST /api/v1/privacy/retention/approvals': null },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Allow a removal' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.selectOptions(within(dialog).getByLabelText('Of what'), 'Recordings');
  await userEvent.type(within(dialog).getByLabelText('At most'), '12');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Allow it' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(await sent(requests, 'POST')).toEqual({ data_class: 'audio', count: 12 });
  expect(requests.some((one) => one.url.includes('/audit'))).toBe(false);
  expect(screen.queryByRole('button', { name: 'Reveal pseudonyms' })).not.toBeInTheDocument();
});

it('downloads what is kept of a person', async () => {
  const made: { file: Blob; name: string }[] = [];
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    made.push({ file: new Blob(), name: this.download });
  });
  const { requests } = await openPage('/privacy', {
    answers: { ...ANSWERS, 'POST /api/v1/privacy/exports': () => new Response('PK') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Export a person’s data' }));
  const dialog = screen.getByRole('dialog');
  await userEvent.type(within(dialog).getByLabelText('Person'), 'bob@example.org');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Download' }));
  expect(await screen.findByText('The file is downloaded.')).toBeInTheDocument();
  expect(made.map((one) => one.name)).toEqual(['bob_example_org.zip']);
  expect(await sent(requests, 'POST')).toEqual({ subject: 'bob@example.org' });
  click.mockRestore();
});

it('reveals pseudonyms on record, and forgets them when it closes', async () => {
  const { requests } = await openPage('/privacy', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/privacy/reveal': { originals: { '[card:bcdfghjklm]': '4111 1111' } },
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Reveal pseudonyms' }));
  const dialog = screen.getByRole('dialog');
  expect(within(dialog).getByText(/recorded in the audit log under your name/)).toBeInTheDocument();
  await userEvent.type(within(dialog).getByLabelText('Id of the conversation'), 'conv_1');
  const field = within(dialog).getByLabelText('Pseudonyms');
  await userEvent.type(field, 'a card');
  expect(field).toBeInvalid();
  await userEvent.clear(field);
  await userEvent.click(field);
  await userEvent.paste('[card:bcdfghjklm] [name:zzzzzzzzzz]');
  expect(field).toBeValid();
  await userEvent.type(within(dialog).getByLabelText('Reason'), 'a refund');
  await userEvent.click(within(dialog).getByLabelText(/need to know/));
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Reveal, on record' }));
  expect(await screen.findByText('4111 1111')).toBeInTheDocument();
  expect(screen.getByText('nothing is kept of it')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Close' }));
  expect(document.body.innerHTML).not.toContain('4111');
  expect(await sent(requests, 'POST')).toEqual({
    conversation_id: 'conv_1',
    pseudonyms: ['[card:bcdfghjklm]', '[name:zzzzzzzzzz]'],
    reason: 'a refund',
  });
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
