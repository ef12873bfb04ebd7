import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

async function typeCredentials() {
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText('E-mail'), ' ada@example.org');
  await user.type(screen.getByLabelText('Password'), 'kangaroo under my piano');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  return user;
}

it('asks who it is, then goes to the page that was wanted', async () => {
  const rig = await openPage('/documents?state=failed', {
    signedIn: false,
    answers: {
      'POST /api/v1/auth/login': { csrf_token: 'csrf_9', token_type: 'Bearer', expires_in: 43_200 },
      'GET /api/v1/documents': { items: [], next_before: null, next_before_id: null },
      'GET /api/v1/documents/kinds': { kinds: {}, built_in: [] },
    },
  });
  await screen.findByRole('heading', { name: 'Sign in' });
  await expectAccessible();
  await typeCredentials();
  await screen.findByRole('heading', { name: 'Documents' });
  const login = rig.requests.find((one) => one.url.endsWith('/auth/login'));
  expect(await login?.json()).toEqual({
    email: 'ada@example.org',
    password: 'kangaroo under my piano',
    code: '',
    cookie: true,
  });
  expect(rig.router.state.location.search).toEqual({ state: 'failed' });
  expect(rig.session.csrfToken).toBe('csrf_9');
  expect(window.localStorage.length + window.sessionStorage.length).toBe(0);
});

it('asks for the code of the app when the account needs it', async () => {
  const rig = await openPage('/sign-in', {
    signedIn: false,
    answers: { 'POST /api/v1/auth/login': () => problem(401, 'second_factor_needed') },
  });
  const user = await typeCredentials();
  const code = await screen.findByLabelText('Code of the authenticator app');
  expect(code).toHaveFocus();
  rig.answers['POST /api/v1/auth/login'] = () => problem(401, 'second_factor_wrong');
  await user.type(code, '123456{Enter}');
  expect(await screen.findByRole('alert')).toHaveTextContent('not the code that the app shows');
  await expectAccessible();
});

it('tells why the identity provider sent the browser back', async () => {
  await openPage('/?failed=oidc_unknown_person', { signedIn: false });
  const told = await screen.findByRole('alert');
  expect(told).toHaveTextContent('this platform does not');
  expect(told).toHaveTextContent('oidc_unknown_person');
  await expectAccessible();
});

it('shows nothing of an address that somebody made up', async () => {
  await openPage('/?failed=Call+555-1234', { signedIn: false });
  await screen.findByRole('heading', { name: 'Sign in' });
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});

it('tells a wrong password with its code and request', async () => {
  await openPage('/sign-in', {
    signedIn: false,
    answers: { 'POST /api/v1/auth/login': () => problem(401, 'bad_sign_in') },
  });
  await typeCredentials();
  const told = await screen.findByRole('alert');
  expect(told).toHaveTextContent('The e-mail or the password is wrong.');
  expect(told).toHaveTextContent('bad_sign_in');
  expect(told).toHaveTextContent('req_1');
});

it('offers the identity provider where there is one', async () => {
  await openPage('/sign-in', { signedIn: false, oidc: true });
  const link = await screen.findByRole('link', { name: 'Sign in with your identity provider' });
  expect(link).toHaveAttribute('href', 'http://gateway.test/api/v1/auth/oidc/start');
  await expectAccessible();
});

it('offers no identity provider where there is none', async () => {
  await openPage('/sign-in', { signedIn: false });
  await screen.findByRole('heading', { name: 'Sign in' });
  expect(screen.queryByRole('link')).toBeNull();
});
