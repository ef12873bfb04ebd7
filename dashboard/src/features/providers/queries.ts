/** Providers of models and how they do, and what can be done with one. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Provider = components['schemas']['ProviderView'];
export type ProviderSettings = components['schemas']['ProviderSettings'];
export type NewProvider = components['schemas']['NewProvider'];
export type Tried = components['schemas']['Tried'];
export type Kind = Provider['kind'];

/** Health changes by itself. */
const EVERY_MS = 10_000;

export const KINDS = ['llm', 'stt', 'tts', 'embed'] as const satisfies readonly Kind[];
export const providersKey = ['providers'] as const;

export function providersQuery(api: Api) {
  return queryOptions({
    queryKey: providersKey,
    queryFn: async ({ signal }) => (await bodyOf(api.GET('/api/v1/providers', { signal }))).providers,
    refetchInterval: EVERY_MS,
  });
}

export function addProvider(api: Api, wanted: NewProvider): Promise<Provider> {
  return bodyOf(api.POST('/api/v1/providers', { body: wanted }));
}

export function changeProvider(api: Api, name: string, wanted: ProviderSettings): Promise<Provider> {
  return bodyOf(api.PUT('/api/v1/providers/{name}', { params: { path: { name } }, body: wanted }));
}

export async function removeProvider(api: Api, name: string): Promise<void> {
  await api.DELETE('/api/v1/providers/{name}', { params: { path: { name } } });
}

/** One short call of it, which may cost what such a call costs. */
export function tryProvider(api: Api, name: string): Promise<Tried> {
  return bodyOf(api.POST('/api/v1/providers/{name}/test', { params: { path: { name } } }));
}

export function loadProvider(api: Api, name: string): Promise<Provider> {
  return bodyOf(api.POST('/api/v1/providers/{name}/load', { params: { path: { name } } }));
}

export function unloadProvider(api: Api, name: string): Promise<Provider> {
  return bodyOf(api.POST('/api/v1/providers/{name}/unload', { params: { path: { name } } }));
}
