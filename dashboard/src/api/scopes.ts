/** What a caller may do: the scopes of the gateway, and nothing but set membership. The gateway decides; this only hides what it would refuse. */

export const SCOPES = [
  'talk',
  'conversations:read',
  'conversations:write',
  'documents:read',
  'documents:write',
  'agents:read',
  'agents:write',
  'users:read',
  'users:write',
  'keys:read',
  'keys:write',
  'settings:read',
  'settings:write',
  'metrics:read',
  'audit:read',
  'privacy:write',
  'pii:reveal',
] as const;

export type Scope = (typeof SCOPES)[number];

/** The organisation that runs the platform: it alone sees providers and settings, which are one for all. */
export const OPERATOR_TENANT_ID = 'ten_default';

export interface Caller {
  readonly tenantId: string;
  readonly subject: string;
  /** Of signed-in people. */
  readonly email: string | null;
  readonly scopes: ReadonlySet<string>;
}

export function may(caller: Caller | null, scope: Scope): boolean {
  return caller?.scopes.has(scope) ?? false;
}
