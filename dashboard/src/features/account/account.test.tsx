import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type Answers, expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AT = '2026-11-20T10:00:00Z';
const SESSION = { session_id: 'ses_1', method: 'password', created_at: AT, expires_at: AT, current: false };
const ANSWERS: Answers = { 'GET /api/v1/me/sessions': { items: [SESSION] } };
const me = (more: object) => ({
  'GET /api/v1/me': {
    tenant_id: 'ten_a',
    subject: 'user_ada',
    kind: 'user',
    scopes: ['talk'],
    email: 'ada@example.org',
    ...more,
  },
});
const [OLD, NEW] = ['kangaroo under my piano', 'a heron beside the canal'];

it('lists sessions, and ends one after a question', async () => {
  const { requests } = await openPage('/account', {
    scopes: ['talk'],
    answers: { ...ANSWERS, 'DELETE /api/v1/me/sessions/ses_1': null },
  });
  expect(await screen.findByRole('cell', { name: 'password' })).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'End session' }));
  const dialog = screen.getByRole('dialog', { name: 'End session' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'End' }));
  expect(await screen.findByText('The session is ended.')).toBeInTheDocument();
  expect(requests.some((one) => one.method === 'DELETE' && one.url.endsWith('/ses_1'))).toBe(true);
});

it('tells why sessions cannot be shown', async () => {
  await openPage('/account', {
    answers: { 'GET /api/v1/me/sessions': () => problem(503, 'store_unavailable', 'Away.') },
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('Away.');
});

it('changes the password, stays signed in at a wrong one, and signs out at the right one', async () => {
  const { session, router, requests, answers } = await openPage('/account', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/me/password': () => problem(401, 'bad_sign_in'),
      'POST /api/v1/auth/logout': () => problem(401, 'session_over'),
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Change password' }));
  const dialog = screen.getByRole('dialog', { name: 'Change password' });
  await userEvent.type(within(dialog).getByLabelText('Current password'), OLD);
  await userEvent.type(within(dialog).getByLabelText('New password'), NEW);
  const again = within(dialog).getByLabelText('New password, once more');
  await userEvent.type(again, 'something else');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Change password' }));
  expect(again).toBeInvalid();
  expect(requests.some((one) => one.url.endsWith('/me/password'))).toBe(false);
  await userEvent.clear(again);
  await userEvent.type(again, NEW);
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Change password' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('bad_sign_in');
  expect(session.caller).not.toBeNull();
  answers['POST /api/v1/me/password'] = null;
  await userEvent.click(within(dialog).getByRole('button', { name: 'Change password' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
  expect(session.caller).toBeNull();
});

it('sets up an authenticator app by its first code, and shows the recovery codes once', async () => {
  const { requests, answers } = await openPage('/account', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/me/totp': { secret: 'JBSWY3DP', uri: 'otpauth://totp/x?secret=JBSWY3DP' },
      'POST /api/v1/me/totp/confirm': () => problem(400, 'second_factor_wrong'),
    },
  });
  const begin = await screen.findByRole('button', { name: 'Set up the app' });
  await userEvent.click(begin);
  expect(await screen.findByLabelText('Secret, to type in by hand')).toHaveValue('JBSWY3DP');
  expect(screen.getByRole('img', { name: /^QR code/ })).toBeInTheDocument();
  await userEvent.type(screen.getByLabelText('Code'), '123456');
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Put in force' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('not the code that the app shows');
  answers['POST /api/v1/me/totp/confirm'] = { recovery_codes: ['one-1', 'two-2'] };
  await userEvent.click(screen.getByRole('button', { name: 'Put in force' }));
  expect(await screen.findByLabelText('Recovery codes')).toHaveValue('one-1\ntwo-2');
  expect(document.body.innerHTML).not.toContain('JBSWY3DP');
  await userEvent.click(screen.getByRole('button', { name: 'Done' }));
  expect(document.body.innerHTML).not.toContain('one-1');
  expect(requests.filter((one) => one.url.endsWith('/confirm')).length).toBe(2);
});

it('removes the app by password and code, and says when there is one already', async () => {
  const { requests, session } = await openPage('/account', {
    answers: {
      ...ANSWERS,
      'POST /api/v1/me/totp': () => problem(409, 'second_factor_exists'),
      'POST /api/v1/me/totp/remove': () => problem(401, 'second_factor_wrong'),
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Set up the app' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('There is an authenticator app already.');
  await userEvent.click(screen.getByRole('button', { name: 'Remove the app' }));
  const dialog = screen.getByRole('dialog', { name: 'Remove the app' });
  await userEvent.type(within(dialog).getByLabelText('Current password'), OLD);
  await userEvent.type(within(dialog).getByLabelText('Code'), '654321');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Remove' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('second_factor_wrong');
  expect(session.caller).not.toBeNull();
  const sent = requests.find((one) => one.url.endsWith('/remove'));
  expect(await sent?.json()).toEqual({ password: OLD, code: '654321' });
});

it('says who the caller is, marks the session of this browser, and signs out by ending it', async () => {
  const own = { ...SESSION, session_id: 'ses_2', current: true };
  const { requests, router } = await openPage('/account', {
    answers: {
      ...me({ totp: false }),
      'GET /api/v1/me/sessions': { items: [SESSION, own] },
      'POST /api/v1/auth/logout': null,
    },
  });
  const card = await screen.findByRole('region', { name: 'You' });
  expect(await within(card).findByText('ada@example.org')).toBeInTheDocument();
  const row = (await screen.findByText('This browser')).closest('tr') as HTMLElement;
  expect(screen.getAllByText('This browser')).toHaveLength(1);
  await userEvent.click(within(row).getByRole('button', { name: 'Sign out' }));
  const dialog = screen.getByRole('dialog', { name: 'Sign out' });
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Sign out' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
  expect(requests.some((one) => one.method === 'DELETE')).toBe(false);
});

it('offers what fits the state of the authenticator app alone', async () => {
  const { answers } = await openPage('/account', {
    answers: { ...ANSWERS, ...me({ totp: true }), 'POST /api/v1/me/totp/remove': null },
  });
  const card = await screen.findByRole('region', { name: 'Authenticator app' });
  expect(await within(card).findByText('In force')).toBeInTheDocument();
  expect(within(card).queryByRole('button', { name: 'Set up the app' })).not.toBeInTheDocument();
  await userEvent.click(within(card).getByRole('button', { name: 'Remove the app' }));
  const dialog = screen.getByRole('dialog', { name: 'Remove the app' });
  await userEvent.type(within(dialog).getByLabelText('Current password'), OLD);
  await userEvent.type(within(dialog).getByLabelText('Code'), '654321');
  Object.assign(answers, me({ totp: false }));
  await userEvent.click(within(dialog).getByRole('button', { name: 'Remove' }));
  expect(await within(card).findByText('Not in force')).toBeInTheDocument();
  expect(within(card).getByRole('button', { name: 'Set up the app' })).toBeInTheDocument();
  expect(within(card).queryByRole('button', { name: 'Remove the app' })).not.toBeInTheDocument();
});

it('takes the token of an invitation out of the address, and sets the password with it', async () => {
  const { requests, router, answers } = await openPage('/password#vi_token', {
    signedIn: false,
    answers: { 'POST /api/v1/auth/password': () => problem(401, 'bad_one_time_token') },
  });
  expect(await screen.findByRole('heading', { name: /^Welcome/ })).toBeInTheDocument();
  await waitFor(() => expect(router.state.location.href).toBe('/password'));
  await userEvent.type(screen.getByLabelText('New password'), NEW);
  await userEvent.type(screen.getByLabelText('New password, once more'), NEW);
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Set the password' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('This link was used before');
  answers['POST /api/v1/auth/password'] = null;
  await userEvent.click(screen.getByRole('button', { name: 'Set the password' }));
  expect(await screen.findByText('The password is set.')).toBeInTheDocument();
  expect(await requests.at(-1)?.json()).toEqual({ token: 'vi_token', password: NEW });
  expect(screen.getByRole('link', { name: 'Sign in' })).toBeInTheDocument();
});

it('asks for the token when the address has none', async () => {
  const { requests } = await openPage('/password', {
    signedIn: false,
    answers: { 'POST /api/v1/auth/password': null },
  });
  await userEvent.type(await screen.findByLabelText('Token'), ' vp_typed ');
  await userEvent.type(screen.getByLabelText('New password'), NEW);
  await userEvent.type(screen.getByLabelText('New password, once more'), NEW);
  await userEvent.click(screen.getByRole('button', { name: 'Set the password' }));
  await screen.findByText('The password is set.');
  expect(await requests.at(-1)?.json()).toEqual({ token: 'vp_typed', password: NEW });
});
