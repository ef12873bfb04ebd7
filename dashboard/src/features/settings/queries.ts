/** What the gateway runs by. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Settings = components['schemas']['SettingsView'];
export type Area = components['schemas']['SettingsAreaView'];
export type Setting = components['schemas']['SettingView'];

export function settingsQuery(api: Api) {
  return queryOptions({
    queryKey: ['settings'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/settings', { signal })),
  });
}
