import { GATEWAY, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';
import { ApiProblem } from './problem';

const sent = (requests: readonly Request[], path: string) =>
  requests.filter((one) => new URL(one.url).pathname === path);

it('sends the CSRF token with changes and with nothing else', async () => {
  const { session, requests } = await openPage('/health', {
    answers: { 'DELETE /api/v1/documents/d': null },
  });
  await session.api.DELETE('/api/v1/documents/{document_id}', { params: { path: { document_id: 'd' } } });
  expect(requests.find((one) => one.method === 'DELETE')?.headers.get('x-csrf-token')).toBe('csrf_1');
  expect(sent(requests, '/api/v1/me')[0]?.headers.get('x-csrf-token')).toBeNull();
  expect(
    requests
      .filter((one) => one.url.startsWith(`${GATEWAY}/api`))
      .every((one) => one.credentials === 'include'),
  ).toBe(true);
});

it('takes a new CSRF token once when the old one is of another session, and repeats the call', async () => {
  const { session, requests, answers } = await openPage('/health');
  answers['GET /api/v1/auth/session'] = { csrf_token: 'csrf_2' };
  answers['POST /api/v1/search'] = (request: Request) =>
    request.headers.get('x-csrf-token') === 'csrf_2'
      ? Response.json({ items: [] })
      : problem(403, 'csrf_failed');
  await session.api.POST('/api/v1/search', {
    body: { query: 'x', limit: 5, kinds: [], languages: [], neighbours: 0 },
  });
  const calls = sent(requests, '/api/v1/search');
  expect(calls).toHaveLength(2);
  expect(await calls[1]?.json()).toMatchObject({ query: 'x' });
});

it('throws what the gateway says, with code and request id', async () => {
  const { session } = await openPage('/health');
  const refused = session.api.GET('/api/v1/limits').catch((error: unknown) => error);
  expect(await refused).toMatchObject({ status: 404, code: 'route_not_found', requestId: 'req_1' });
});

it('says so when nothing answers', async () => {
  const { session, answers } = await openPage('/health');
  answers['GET /api/v1/limits'] = () => Promise.reject(new TypeError('failed to fetch'));
  const refused = await session.api.GET('/api/v1/limits').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiProblem);
  expect(refused).toMatchObject({ status: 0, code: 'network', passes: true });
});

it('knows that nobody is signed in any more after a 401', async () => {
  const { session, answers } = await openPage('/health');
  answers['GET /api/v1/limits'] = () => problem(401, 'session_ended');
  await session.api.GET('/api/v1/limits').catch(() => undefined);
  expect(session.caller).toBeNull();
  expect(session.csrfToken).toBe('');
});
