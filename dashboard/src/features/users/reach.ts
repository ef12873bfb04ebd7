/** Whom and what the caller may manage: nobody gives or changes rights that they lack. Pure; the gateway decides. */

import type { Caller } from '@/api/scopes';
import type { Role } from './queries';

/** Whether the caller has every right of the role. */
export function within(caller: Caller | null, role: Role | undefined): boolean {
  return role?.scopes.every((scope) => caller?.scopes.has(scope)) ?? false;
}

/** The roles that the caller may give, as a select field offers them. */
export function givable(caller: Caller | null, roles: readonly Role[]): [value: string, label: string][] {
  return roles.filter((role) => within(caller, role)).map((role) => [role.name, role.name]);
}
