/** The caller's own sessions, password and authenticator app. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type SessionShown = components['schemas']['SessionShown'];
export type Enrolment = components['schemas']['Enrolment'];

export type Me = components['schemas']['Me'];

export const meKey = ['account', 'me'] as const;
export const sessionsKey = ['account', 'sessions'] as const;

export function sessionsQuery(api: Api) {
  return queryOptions({
    queryKey: sessionsKey,
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/me/sessions', { signal }))).items,
  });
}

export function meQuery(api: Api) {
  return queryOptions({
    queryKey: meKey,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/me', { signal })),
  });
}

export async function endSession(api: Api, sessionId: string): Promise<void> {
  await api.DELETE('/api/v1/me/sessions/{session_id}', { params: { path: { session_id: sessionId } } });
}

/** Ends every session of the caller. */
export async function changePassword(api: Api, current: string, password: string): Promise<void> {
  await api.POST('/api/v1/me/password', { body: { current, password } });
}

/** With the token of an invitation or a reset. */
export async function acceptPassword(api: Api, token: string, password: string): Promise<void> {
  await api.POST('/api/v1/auth/password', { body: { token, password } });
}

export function beginTotp(api: Api): Promise<Enrolment> {
  return bodyOf(api.POST('/api/v1/me/totp'));
}

/** The recovery codes. */
export async function confirmTotp(api: Api, code: string): Promise<readonly string[]> {
  return (await bodyOf(api.POST('/api/v1/me/totp/confirm', { body: { code } }))).recovery_codes;
}

export async function removeTotp(api: Api, password: string, code: string): Promise<void> {
  await api.POST('/api/v1/me/totp/remove', { body: { password, code } });
}
