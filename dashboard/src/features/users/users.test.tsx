import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type Answers, expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AT = '2026-11-20T10:00:00Z';
const HOSTILE = '<img src=x onerror=alert(1)>@example.org';
const ADA = { user_id: 'user_ada', email: 'ada@example.org', role: 'owner', created_at: AT, disabled: false };
const VERA = { user_id: 'user_vera', email: HOSTILE, role: 'viewer', created_at: AT, disabled: false };
const ROLES = [
  { name: 'owner', scopes: ['talk', 'settings:write'], built_in: true },
  { name: 'viewer', scopes: ['talk'], built_in: true },
  { name: 'desk', scopes: ['talk', 'users:read'], built_in: false },
];
const TOKEN = { user_id: 'user_new', token: 'vi_secret', expires_at: AT };
const ANSWERS: Answers = {
  'GET /api/v1/users': { items: [ADA, VERA] },
  'GET /api/v1/users/user_vera': VERA,
  'GET /api/v1/users/user_ada': ADA,
  'GET /api/v1/roles': { items: ROLES },
};

function sent(requests: readonly Request[], method: string, ending: string) {
  const found = requests.filter((one) => one.method === method && one.url.endsWith(ending));
  return Promise.all(found.map((one) => one.json()));
}

it('lists people, and invites one by a link that is gone with its dialog', async () => {
  const user = userEvent.setup();
  const { requests } = await openPage('/users', {
    answers: { ...ANSWERS, 'POST /api/v1/users/invitations': TOKEN },
  });
  expect(await screen.findByRole('link', { name: HOSTILE })).toBeInTheDocument();
  expect(screen.getByText('owner (you)')).toBeInTheDocument();
  await expectAccessible();
  const add = screen.getByRole('button', { name: 'Add' });
  await user.click(add);
  await user.type(await screen.findByRole('textbox', { name: 'E-mail' }), 'new@example.org');
  await user.selectOptions(screen.getByLabelText('Role'), 'desk');
  await expectAccessible();
  await user.click(screen.getByRole('button', { name: 'Invite' }));
  const dialog = await screen.findByRole('dialog', { name: 'Invitation' });
  expect(await sent(requests, 'POST', '/invitations')).toEqual([{ email: 'new@example.org', role: 'desk' }]);
  const link = within(dialog).getByRole('textbox');
  expect(link).toHaveValue(`${window.location.origin}/password#vi_secret`);
  await user.click(within(dialog).getByRole('button', { name: 'Copy' }));
  expect(await within(dialog).findByText('Copied.')).toBeInTheDocument();
  expect(await navigator.clipboard.readText()).toContain('#vi_secret');
  await expectAccessible();
  await user.click(within(dialog).getByRole('button', { name: 'Done' }));
  expect(document.body.innerHTML).not.toContain('vi_secret');
  expect(add).toHaveFocus();
});

it('adds a person with a password, and tells a refusal in place', async () => {
  const { requests, answers } = await openPage('/users', {
    answers: { ...ANSWERS, 'POST /api/v1/users': () => problem(409, 'user_exists') },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Add' }));
  const dialog = screen.getByRole('dialog', { name: 'Add a person' });
  await userEvent.type(within(dialog).getByLabelText('E-mail'), 'new@example.org');
  await userEvent.selectOptions(within(dialog).getByLabelText('They come in by'), 'password');
  await userEvent.type(within(dialog).getByLabelText('Password'), 'kangaroo under my piano');
  await userEvent.click(within(dialog).getByRole('button', { name: 'Add' }));
  const told = await within(dialog).findByRole('alert');
  expect(told).toHaveTextContent('There is a person with this e-mail already.');
  expect(told).toHaveTextContent('req_1');
  answers['POST /api/v1/users'] = { ...VERA, email: 'new@example.org' };
  await userEvent.click(within(dialog).getByRole('button', { name: 'Add' }));
  expect(await screen.findByText('new@example.org is added.')).toBeInTheDocument();
  expect((await sent(requests, 'POST', '/users')).at(-1)).toEqual({
    email: 'new@example.org',
    role: 'viewer',
    password: 'kangaroo under my piano',
  });
});

it('changes the role of a person, turns them away after a question, and resets their password', async () => {
  const { requests } = await openPage('/users/user_vera', {
    answers: {
      ...ANSWERS,
      'PATCH /api/v1/users/user_vera': VERA,
      'POST /api/v1/users/user_vera/reset': { ...TOKEN, token: 'vp_secret' },
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Change role' }));
  await userEvent.selectOptions(screen.getByLabelText('Role'), 'desk');
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText(`${HOSTILE} is now desk.`)).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Turn away' }));
  const dialog = screen.getByRole('dialog', { name: 'Turn this person away' });
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole('button', { name: 'Turn away' }));
  await waitFor(() => expect(dialog).not.toBeInTheDocument());
  expect(await sent(requests, 'PATCH', '/user_vera')).toEqual([{ role: 'desk' }, { disabled: true }]);
  await userEvent.click(screen.getByRole('button', { name: 'Reset password' }));
  await userEvent.click(screen.getByLabelText('Remove their authenticator app, too'));
  await userEvent.click(screen.getByRole('button', { name: 'Reset' }));
  const shown = await screen.findByRole('dialog', { name: 'New password' });
  expect(within(shown).getByRole('textbox')).toHaveValue(`${window.location.origin}/password#vp_secret`);
  expect(await sent(requests, 'POST', '/reset')).toEqual([{ second_factor: true }]);
});

it('offers nothing with oneself', async () => {
  await openPage('/users/user_ada', { answers: ANSWERS });
  expect(await screen.findByText('user_ada', { selector: 'dd code' })).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Turn away' })).toBeNull();
});

it('offers nothing with those who may more', async () => {
  const bob = { ...ADA, user_id: 'user_bob', email: 'bob@example.org' };
  await openPage('/users/user_bob', {
    scopes: ['talk', 'users:read', 'users:write'],
    answers: { ...ANSWERS, 'GET /api/v1/users/user_bob': bob },
  });
  expect(await screen.findByText('user_bob', { selector: 'dd code' })).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Change role' })).toBeNull();
});

it('hides changes from those who only read', async () => {
  await openPage('/users', { scopes: ['users:read'], answers: ANSWERS });
  await screen.findByRole('table');
  expect(screen.queryByRole('button', { name: 'Add' })).toBeNull();
});

it('refuses the page without the right to it', async () => {
  const { requests } = await openPage('/users', { scopes: ['talk'], answers: ANSWERS });
  expect(await screen.findByText(/lacks the right users:read/)).toBeInTheDocument();
  expect(requests.some((one) => one.url.endsWith('/users'))).toBe(false);
});

it('tells why people cannot be shown', async () => {
  await openPage('/users', { answers: { 'GET /api/v1/users': () => problem(403, 'missing_scope') } });
  expect(await screen.findByRole('alert')).toHaveTextContent('Your role does not allow this.');
});

it('makes, changes and deletes roles of rights', async () => {
  const { requests } = await openPage('/roles', {
    answers: {
      ...ANSWERS,
      'PUT /api/v1/roles/night': { name: 'night', scopes: ['talk'], built_in: false },
      'PUT /api/v1/roles/desk': { name: 'desk', scopes: ['users:read'], built_in: false },
      'DELETE /api/v1/roles/desk': () => problem(409, 'role_in_use'),
    },
  });
  await userEvent.click(await screen.findByRole('button', { name: 'New role' }));
  await userEvent.type(screen.getByLabelText('Name'), 'night');
  await userEvent.click(screen.getByLabelText('talk'));
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('The role night is saved.')).toBeInTheDocument();
  expect(await sent(requests, 'PUT', '/night')).toEqual([{ scopes: ['talk'] }]);
  await userEvent.click(screen.getByRole('button', { name: 'Change desk' }));
  await userEvent.click(screen.getByLabelText('talk'));
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('The role desk is saved.')).toBeInTheDocument();
  expect(await sent(requests, 'PUT', '/desk')).toEqual([{ scopes: ['users:read'] }]);
  expect(screen.queryByRole('button', { name: 'Change owner' })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Delete desk' }));
  const dialog = screen.getByRole('dialog', { name: 'Delete role' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('People have this role.');
});

it('does not let a role be given that has rights which the caller lacks', async () => {
  await openPage('/users', { scopes: ['users:read', 'users:write', 'talk'], answers: ANSWERS });
  await userEvent.click(await screen.findByRole('button', { name: 'Add' }));
  const names = within(screen.getByLabelText('Role')).getAllByRole('option');
  expect(names.map((one) => one.textContent)).toEqual(['viewer', 'desk']);
});
