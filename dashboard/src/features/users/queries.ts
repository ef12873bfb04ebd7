/** People, their roles, and what can be done with both. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Person = components['schemas']['UserShown'];
export type Role = components['schemas']['RoleShown'];
export type OneTimeToken = components['schemas']['OneTimeToken'];
type Change = components['schemas']['UserChange'];

/** Everything that was loaded of people and roles. */
export const peopleKey = ['people'] as const;

export function usersQuery(api: Api) {
  return queryOptions({
    queryKey: [...peopleKey, 'list'],
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/users', { signal }))).items,
  });
}

export function userQuery(api: Api, userId: string) {
  return queryOptions({
    queryKey: [...peopleKey, 'one', userId],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/users/{user_id}', { params: { path: { user_id: userId } }, signal })),
  });
}

export function rolesQuery(api: Api) {
  return queryOptions({
    queryKey: [...peopleKey, 'roles'],
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/roles', { signal }))).items,
  });
}

export function inviteUser(api: Api, email: string, role: string): Promise<OneTimeToken> {
  return bodyOf(api.POST('/api/v1/users/invitations', { body: { email, role } }));
}

export function addUser(api: Api, email: string, role: string, password: string): Promise<Person> {
  return bodyOf(api.POST('/api/v1/users', { body: { email, role, password } }));
}

export function changeUser(api: Api, userId: string, body: Change): Promise<Person> {
  return bodyOf(api.PATCH('/api/v1/users/{user_id}', { params: { path: { user_id: userId } }, body }));
}

/** Ends the person's sessions and password; secondFactor: and their authenticator app. */
export function resetPassword(api: Api, userId: string, secondFactor: boolean): Promise<OneTimeToken> {
  return bodyOf(
    api.POST('/api/v1/users/{user_id}/reset', {
      params: { path: { user_id: userId } },
      body: { second_factor: secondFactor },
    }),
  );
}

export function putRole(api: Api, name: string, scopes: string[]): Promise<Role> {
  return bodyOf(api.PUT('/api/v1/roles/{name}', { params: { path: { name } }, body: { scopes } }));
}

export async function deleteRole(api: Api, name: string): Promise<void> {
  await api.DELETE('/api/v1/roles/{name}', { params: { path: { name } } });
}
