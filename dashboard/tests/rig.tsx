/** The whole application in jsdom, in front of a gateway that answers from a table. */

import { createMemoryHistory } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import axe from 'axe-core';
import { expect, vi } from 'vitest';
import { SCOPES, type Scope } from '@/api/scopes';
import { Session } from '@/api/session';
import { App } from '@/app/app';
import { makeQueryClient } from '@/app/query-client';
import { makeRouter } from '@/app/router';
import { en } from '@/lib/i18n/en/all';

export const GATEWAY = 'http://gateway.test';

/** What the gateway answers to "METHOD /path"; the query is not part of it. A function sees the request. */
export type Answers = Record<string, unknown | ((request: Request) => Response | Promise<Response>)>;

export interface Rig {
  /** Every request that came, oldest first. */
  readonly requests: Request[];
  readonly session: Session;
  readonly router: ReturnType<typeof makeRouter>;
  readonly answers: Answers;
}

interface Options {
  readonly scopes?: readonly Scope[];
  readonly answers?: Answers;
  readonly signedIn?: boolean;
  readonly oidc?: boolean;
}

export function problem(status: number, code: string, detail = code): Response {
  const body = { type: `/problems/${code}`, status, code, detail, param: null, request_id: 'req_1' };
  return Response.json(body, { status, headers: { 'content-type': 'application/problem+json' } });
}

export async function openPage(path: string, options: Options = {}): Promise<Rig> {
  const { scopes = SCOPES, answers = {}, signedIn = true, oidc = false } = options;
  const table: Answers = {
    'GET /api/v1/auth/session': signedIn ? { csrf_token: 'csrf_1' } : () => problem(401, 'not_signed_in'),
    'GET /api/v1/me': { tenant_id: 'ten_a', subject: 'user_ada', kind: 'user', scopes },
    'GET /health/live': { status: 'ok' },
    'GET /health/ready': { status: 'ok' },
    ...answers,
  };
  const requests: Request[] = [];
  vi.stubGlobal('fetch', async (input: Request | string) => {
    const request = input instanceof Request ? input : new Request(new URL(input, GATEWAY));
    requests.push(request.clone());
    const answer = table[`${request.method} ${new URL(request.url).pathname}`];
    if (answer === undefined) return problem(404, 'route_not_found');
    if (typeof answer === 'function') return answer(request);
    return answer === null ? new Response(null, { status: 204 }) : Response.json(answer);
  });
  const session = new Session(GATEWAY);
  await session.restore();
  const services = { session, api: session.api, queryClient: makeQueryClient(), oidc };
  services.queryClient.setDefaultOptions({ queries: { retry: false, refetchInterval: false } });
  const router = makeRouter(services);
  router.update({ ...router.options, history: createMemoryHistory({ initialEntries: [path] }) });
  render(<App services={services} router={router} language="en" messages={en} />);
  return { requests, session, router, answers: table };
}

/** Fails with what axe found. Colours need a real browser: jsdom lays nothing out. */
export async function expectAccessible(element: Element = document.body): Promise<void> {
  const { violations } = await axe.run(element, { rules: { 'color-contrast': { enabled: false } } });
  expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
}
