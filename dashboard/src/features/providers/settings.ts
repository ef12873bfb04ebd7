/** A provider as the API takes it, from a form and from what is there. Pure. */

import type { Kind, Provider, ProviderSettings } from './queries';

/** What is shown of a provider, to send it back with little changed. Its key stays where it is. */
export function settingsOf(provider: Provider): ProviderSettings {
  const { url, tenants, agents, languages, priority, price_in, price_out } = provider;
  const { concurrency, patience_s, unload_after_s, enabled } = provider;
  return {
    url,
    tenants,
    agents,
    languages,
    priority,
    price_in,
    price_out,
    concurrency,
    patience_s,
    unload_after_s,
    enabled,
    ...(provider.kind === 'llm' ? { roles: provider.roles } : {}),
  };
}

/** An empty key is none that is told: the one that is stored stays. */
export function settingsIn(form: FormData, kind: Kind): ProviderSettings {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const number = (name: string) => Number(text(name));
  const key = text('api_key');
  return {
    url: text('url'),
    tenants: wordsOf(text('tenants')),
    agents: wordsOf(text('agents')),
    languages: wordsOf(text('languages')),
    priority: number('priority'),
    price_in: number('price_in'),
    price_out: number('price_out'),
    concurrency: number('concurrency'),
    patience_s: number('patience_s'),
    unload_after_s: number('unload_after_s'),
    enabled: form.get('enabled') !== null,
    ...(kind === 'llm' ? { roles: wordsOf(text('roles')) } : {}),
    ...(key ? { api_key: key } : {}),
  };
}

/** Words between commas. */
export function wordsOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
