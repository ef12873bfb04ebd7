import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const answers = {
  'GET /api/v1/agents': { agents: [] },
  'GET /api/v1/conversations': { conversations: [], next_before: null },
  'GET /api/v1/documents': { items: [], next_before: null, next_before_id: null },
  'GET /api/v1/documents/kinds': { kinds: {}, built_in: [] },
};

it('begins at the first page that the caller may see, and the first key press leads past the menu', async () => {
  await openPage('/', { answers });
  expect(await screen.findByRole('heading', { name: 'Talk' })).toBeInTheDocument();
  await userEvent.tab();
  expect(screen.getByRole('link', { name: 'Skip to content' })).toHaveFocus();
  await expectAccessible();
});

it('puts the focus into the page that was chosen', async () => {
  await openPage('/conversations', { answers });
  await userEvent.click(await screen.findByRole('link', { name: 'Documents' }));
  await screen.findByRole('heading', { name: 'Documents' });
  expect(screen.getByRole('main')).toHaveFocus();
  expect(screen.getByRole('link', { name: 'Documents' })).toHaveAttribute('aria-current', 'page');
});

it('signs out, and back in where it was when the session ends by itself', async () => {
  const {
    answers: table,
    router,
    session,
  } = await openPage('/documents', {
    answers: { ...answers, 'POST /api/v1/auth/logout': null },
  });
  await screen.findByRole('heading', { name: 'Documents' });
  table['GET /api/v1/limits'] = () => problem(401, 'session_ended');
  await session.api.GET('/api/v1/limits').catch(() => undefined);
  await screen.findByRole('heading', { name: 'Sign in' });
  expect(router.state.location.search).toEqual({ to: '/documents' });
});

it('leaves', async () => {
  const { router } = await openPage('/documents', {
    answers: { ...answers, 'POST /api/v1/auth/logout': null },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Sign out' }));
  await screen.findByRole('heading', { name: 'Sign in' });
  expect(router.state.location.pathname).toBe('/sign-in');
});

it('speaks German and turns dark on demand', async () => {
  await openPage('/documents', { answers });
  await userEvent.selectOptions(await screen.findByLabelText('Language'), 'Deutsch');
  expect(await screen.findByRole('heading', { name: 'Dokumente' })).toBeInTheDocument();
  await waitFor(() => expect(document.documentElement).toHaveAttribute('lang', 'de'));
  await userEvent.selectOptions(screen.getByLabelText('Darstellung'), 'Dunkel');
  expect(document.documentElement).toHaveAttribute('data-scheme', 'dark');
  window.localStorage.clear();
});

it('says that an address leads nowhere', async () => {
  await openPage('/nowhere', { answers });
  expect(await screen.findByText('Nothing here')).toBeInTheDocument();
});
