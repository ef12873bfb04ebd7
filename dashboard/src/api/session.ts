/** Who is signed in. The session lies in a cookie that no script can read; the CSRF token in this object; nothing in any storage. */

import { type Api, bodyOf, createApi } from './client';
import { ApiProblem } from './problem';
import { type Caller, may, type Scope } from './scopes';

export interface Credentials {
  readonly email: string;
  readonly password: string;
  /** Of the authenticator app, or a recovery code; '' without one. */
  readonly code: string;
}

export class Session {
  readonly gateway: string;
  readonly api: Api;
  #caller: Caller | null = null;
  #csrfToken = '';
  readonly #listeners = new Set<() => void>();

  constructor(gateway: string) {
    this.gateway = gateway;
    this.api = createApi(gateway, {
      csrfToken: () => this.#csrfToken,
      renew: () => this.#renew(),
      lost: () => this.#become(null, ''),
    });
  }

  /** Who is signed in, or null. The same object as long as nothing changed. */
  get caller(): Caller | null {
    return this.#caller;
  }

  /** What changes send in X-CSRF-Token. */
  get csrfToken(): string {
    return this.#csrfToken;
  }

  may(scope: Scope): boolean {
    return may(this.#caller, scope);
  }

  /** Calls `listener` at every change until the returned function is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes up the session of the cookie, if there is one. Throws an ApiProblem only when the gateway does not answer. */
  async restore(): Promise<void> {
    if (await this.#renew()) await this.#identify();
  }

  /** Throws an ApiProblem: `bad_sign_in`, `second_factor_needed`, `second_factor_wrong`, `rate_limited`. */
  async signIn(credentials: Credentials): Promise<void> {
    const told = await bodyOf(
      this.api.POST('/api/v1/auth/login', { body: { ...credentials, cookie: true } }),
    );
    this.#csrfToken = told.csrf_token ?? '';
    await this.#identify();
  }

  /** Ends the session everywhere. A session that has ended already is no failure. */
  async signOut(): Promise<void> {
    try {
      await this.api.POST('/api/v1/auth/logout');
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
    }
    this.#become(null, '');
  }

  async #renew(): Promise<boolean> {
    try {
      const told = await bodyOf(this.api.GET('/api/v1/auth/session'));
      this.#csrfToken = told.csrf_token ?? '';
      return this.#csrfToken !== '';
    } catch (error) {
      if (error instanceof ApiProblem && !error.passes) return false;
      throw error;
    }
  }

  async #identify(): Promise<void> {
    const me = await bodyOf(this.api.GET('/api/v1/me'));
    const caller = {
      tenantId: me.tenant_id,
      subject: me.subject,
      email: me.email ?? null,
      scopes: new Set(me.scopes),
    };
    this.#become(caller, this.#csrfToken);
  }

  #become(caller: Caller | null, csrfToken: string): void {
    this.#csrfToken = csrfToken;
    if (caller === this.#caller) return;
    this.#caller = caller;
    for (const listener of this.#listeners) listener();
  }
}
