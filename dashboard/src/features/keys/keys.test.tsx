import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type Answers, expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AT = '2026-01-20T10:00:00Z';
const KEY = {
  key_id: 'key_1',
  name: 'Kiosk <b>',
  prefix: 'va_abcd',
  scopes: ['talk', 'documents:read'],
  user_id: 'user_ada',
  created_at: AT,
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
};
const GONE = { ...KEY, key_id: 'key_2', name: 'Old', revoked_at: AT };
const ANSWERS: Answers = { 'GET /api/v1/keys': { items: [KEY, GONE] } };

it('lists keys that work, and the others when it is asked to', async () => {
  const { router } = await openPage('/keys', { answers: ANSWERS });
  expect(await screen.findByText('Kiosk <b>')).toBeInTheDocument();
  expect(screen.getByText('va_abcd…')).toBeInTheDocument();
  expect(screen.queryByText('Old')).toBeNull();
  await expectAccessible();
  await userEvent.selectOptions(screen.getByLabelText('Show'), 'all');
  expect(await screen.findByText('Old')).toBeInTheDocument();
  expect(screen.getByText('Revoked')).toBeInTheDocument();
  expect(router.state.location.search).toEqual({ show: 'all' });
  expect(screen.queryByRole('button', { name: 'Revoke Old' })).toBeNull();
});

it('makes a key and shows its secret this once', async () => {
  const user = userEvent.setup();
  const { requests } = await openPage('/keys', {
    answers: { ...ANSWERS, 'POST /api/v1/keys': { ...KEY, name: 'New', secret: 'va_whole_secret' } },
  });
  const create = await screen.findByRole('button', { name: 'New key' });
  await user.click(create);
  await user.type(screen.getByLabelText('Name'), 'New');
  await user.click(screen.getByLabelText('documents:read'));
  await expectAccessible();
  await user.click(screen.getByRole('button', { name: 'Make the key' }));
  const dialog = await screen.findByRole('dialog', { name: 'Key “New”' });
  const order = requests.find((one) => one.method === 'POST');
  expect(await order?.json()).toEqual({
    name: 'New',
    scopes: ['talk', 'documents:read'],
    expires_in_days: 90,
  });
  expect(within(dialog).getByLabelText('API key')).toHaveValue('va_whole_secret');
  await user.click(within(dialog).getByRole('button', { name: 'Copy' }));
  expect(await navigator.clipboard.readText()).toBe('va_whole_secret');
  await expectAccessible();
  await user.click(within(dialog).getByRole('button', { name: 'Done' }));
  expect(document.body.innerHTML).not.toContain('va_whole_secret');
  expect(create).toHaveFocus();
});

it('rotates a key with the overlap that is wanted', async () => {
  const { requests } = await openPage('/keys', {
    answers: { ...ANSWERS, 'POST /api/v1/keys/key_1/rotate': { ...KEY, secret: 'va_next' } },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Rotate Kiosk <b>' }));
  const hours = screen.getByLabelText('Hours that the old key goes on');
  await userEvent.clear(hours);
  await userEvent.type(hours, '0');
  await userEvent.click(screen.getByRole('button', { name: 'Rotate' }));
  expect(await screen.findByLabelText('API key')).toHaveValue('va_next');
  expect(await requests.find((one) => one.method === 'POST')?.json()).toEqual({ overlap_hours: 0 });
});

it('revokes a key after a question, and tells when that is refused', async () => {
  const { answers } = await openPage('/keys', {
    answers: { ...ANSWERS, 'DELETE /api/v1/keys/key_1': () => problem(404, 'key_not_found') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Revoke Kiosk <b>' }));
  const dialog = screen.getByRole('dialog', { name: 'Revoke key' });
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('There is no such key');
  answers['DELETE /api/v1/keys/key_1'] = null;
  await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke' }));
  expect(await screen.findByText('The key Kiosk <b> is revoked.')).toBeInTheDocument();
});

it('shows those who only read no changes, and says when there is nothing', async () => {
  await openPage('/keys', { scopes: ['keys:read'], answers: { 'GET /api/v1/keys': { items: [GONE] } } });
  expect(await screen.findByText('No keys here')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'New key' })).toBeNull();
});

it('tells why keys cannot be shown', async () => {
  await openPage('/keys', {
    answers: { 'GET /api/v1/keys': () => problem(503, 'store_unavailable', 'Away.') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('Away.');
});
