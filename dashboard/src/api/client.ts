/** The typed client of the gateway. Every call carries the session cookie, changes the CSRF token; every refusal throws an ApiProblem. */

import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './generated/schema';
import { noAnswer, problemOf } from './problem';

export type Api = Client<paths>;

/** What the client needs to know of the session that it works in. */
export interface Standing {
  /** The CSRF token of the session; '' when nobody is signed in. */
  csrfToken(): string;
  /** Asks for the token anew; false when there is no session any more. */
  renew(): Promise<boolean>;
  /** The gateway says that nobody is signed in. */
  lost(): void;
}

const WITHIN_MS = 30_000;
/** For files that are put together while they are sent. */
const FILE_WITHIN_MS = 30 * 60_000;
const FILES = new Set(['/api/v1/privacy/exports']);
/** 401 of a change that asks for the password or a code once more: the session goes on. */
const OF_WHAT_WAS_TYPED = new Set(['bad_sign_in', 'second_factor_wrong']);
const READS = new Set(['GET', 'HEAD']);

export function createApi(gateway: string, standing: Standing): Api {
  return createClient<paths>({
    baseUrl: gateway,
    credentials: 'include',
    cache: 'no-store',
    fetch: (request) => send(request, standing),
  });
}

/** The body of an answer that has one. */
export async function bodyOf<Answer extends { data?: unknown }>(
  call: Promise<Answer>,
): Promise<Exclude<Answer['data'], undefined>> {
  const { data } = await call;
  return data as Exclude<Answer['data'], undefined>;
}

async function send(request: Request, standing: Standing): Promise<Response> {
  const again = request.clone();
  const answer = await attempt(request, standing);
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  // Another tab has signed in since: the cookie is of a new session, the token here of the old one.
  if (problem.code === 'csrf_failed' && (await standing.renew())) {
    const second = await attempt(again, standing);
    if (second.ok) return second;
    throw await problemOf(second);
  }
  if (problem.status === 401 && !isOpen(request) && !OF_WHAT_WAS_TYPED.has(problem.code)) standing.lost();
  throw problem;
}

async function attempt(request: Request, standing: Standing): Promise<Response> {
  const headers = new Headers(request.headers);
  const token = standing.csrfToken();
  if (token && !READS.has(request.method)) headers.set('x-csrf-token', token);
  const withinMs = FILES.has(new URL(request.url).pathname) ? FILE_WITHIN_MS : WITHIN_MS;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(withinMs)]);
  try {
    return await fetch(new Request(request, { headers, signal }));
  } catch (error) {
    if (request.signal.aborted) throw error; // whoever asked does not wait any more
    throw noAnswer(error);
  }
}

/** Paths where 401 speaks of what was typed, not of the session. */
function isOpen(request: Request): boolean {
  return new URL(request.url).pathname.startsWith('/api/v1/auth/');
}
