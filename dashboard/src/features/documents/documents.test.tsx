import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it, vi } from 'vitest';

const AT = '2026-11-20T10:00:00Z';
const DOCUMENT = {
  document_id: 'doc_1',
  collection_id: 'default',
  title: 'Handbook',
  file_name: 'handbook.pdf',
  media_type: 'application/pdf',
  size_bytes: 120_000,
  sha256: 'ab'.repeat(32),
  state: 'ready',
  progress: 1,
  failure_code: null,
  failure_message: null,
  version: 1,
  kind: 'manual',
  kind_confidence: 0.91,
  language: 'en',
  page_count: 2,
  word_count: 300,
  reader_ids: [],
  metadata: { author: 'A. Author', keywords: ['a', 'b'] },
  created_at: AT,
  updated_at: AT,
};
const KINDS = { 'GET /api/v1/documents/kinds': { kinds: { taught: ['x'] }, built_in: ['manual'] } };
const page = (...items: unknown[]) => ({ items, next_before: null, next_before_id: null });

it('lists documents with their states, and filters by the address', async () => {
  const reading = { ...DOCUMENT, document_id: 'doc_2', title: 'Report', state: 'parsing', progress: 0.4 };
  const { router, requests } = await openPage('/documents', {
    answers: { ...KINDS, 'GET /api/v1/documents': page(reading, DOCUMENT) },
  });
  expect(await screen.findByRole('link', { name: 'Handbook' })).toBeInTheDocument();
  expect(screen.getByRole('progressbar', { name: 'Report: Reading' })).toHaveAttribute('value', '0.4');
  await screen.findByRole('option', { name: 'taught' });
  await expectAccessible();
  await userEvent.selectOptions(screen.getByLabelText('State'), 'Failed');
  expect(router.state.location.search).toEqual({ state: 'failed' });
  await waitFor(() => {
    expect(requests.some((one) => new URL(one.url).searchParams.get('state') === 'failed')).toBe(true);
  });
});

it('drops filters that there are not', async () => {
  const { router } = await openPage('/documents?state=lost&kind=manual', {
    answers: { ...KINDS, 'GET /api/v1/documents': page() },
  });
  expect(await screen.findByText('No documents like that')).toBeInTheDocument();
  expect(router.state.matches.at(-1)?.search).toEqual({ kind: 'manual' });
});

it('shows a document, its text page by page, and deletes it', async () => {
  const { router } = await openPage('/documents/doc_1?page=2', {
    answers: {
      ...KINDS,
      'GET /api/v1/documents': page(),
      'GET /api/v1/documents/doc_1': DOCUMENT,
      'GET /api/v1/documents/doc_1/text': (request: Request) => {
        const number = new URL(request.url).searchParams.get('page');
        return Response.json({ document_id: 'doc_1', text: `words of ${number}`, start: 0, pages: [] });
      },
      'DELETE /api/v1/documents/doc_1': null,
    },
  });
  expect(await screen.findByText('words of 2')).toBeInTheDocument();
  expect(screen.getByText('manual (91 % sure)')).toBeInTheDocument();
  expect(screen.getByText('a, b')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Previous page' }));
  expect(await screen.findByText('words of 1')).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete document' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('Handbook is deleted.')).toBeInTheDocument();
  expect(router.state.location.pathname).toBe('/documents');
});

it('keeps the question open when the deletion is refused', async () => {
  await openPage('/documents/doc_1', {
    answers: {
      'GET /api/v1/documents/doc_1': {
        ...DOCUMENT,
        state: 'failed',
        failure_code: 'bad_pdf',
        failure_message: 'Torn.',
      },
      'DELETE /api/v1/documents/doc_1': () => problem(409, 'document_held', 'A legal hold keeps it.'),
    },
  });
  expect(await screen.findByText('bad_pdf')).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete document' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('A legal hold keeps it.');
});

it('uploads one file after the other, and tells which was refused', async () => {
  const sent: string[] = [];
  vi.stubGlobal(
    'XMLHttpRequest',
    class extends FakeUpload {
      override send(form: FormData) {
        const file = form.get('file') as File;
        sent.push(`${file.name} ${this.headers['x-csrf-token']} ${this.address}`);
        this.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 2 });
        this.answer(file.name === 'bad.exe' ? 415 : 202);
      }
    },
  );
  await openPage('/documents', { answers: { ...KINDS, 'GET /api/v1/documents': page() } });
  const [open] = await screen.findAllByRole('button', { name: 'Upload' });
  await userEvent.click(open as HTMLElement);
  const dialog = screen.getByRole('dialog', { name: 'Upload documents' });
  const files = ['good.pdf', 'bad.exe'].map((name) => new File(['x'], name));
  await userEvent.upload(within(dialog).getByLabelText('Choose files'), files, { applyAccept: false });
  expect(await within(dialog).findByText('Taken in')).toBeInTheDocument();
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('Not this.');
  expect(sent).toEqual([
    'good.pdf csrf_1 http://gateway.test/api/v1/documents',
    'bad.exe csrf_1 http://gateway.test/api/v1/documents',
  ]);
  await expectAccessible();
});

type Progress = (event: { lengthComputable: boolean; loaded: number; total: number }) => void;

/** As much of XMLHttpRequest as an upload needs. */
class FakeUpload {
  upload: { onprogress?: Progress } = {};
  headers: Record<string, string> = {};
  address = '';
  status = 0;
  responseText = '';
  onload?: () => void;
  onloadend?: () => void;
  open(_method: string, address: string) {
    this.address = address;
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  getResponseHeader() {
    return null;
  }
  send(_form: FormData) {}
  abort() {}
  answer(status: number) {
    this.status = status;
    this.responseText = status < 300 ? '{}' : JSON.stringify({ code: 'not_this', detail: 'Not this.' });
    queueMicrotask(() => {
      this.onload?.();
      this.onloadend?.();
    });
  }
}
