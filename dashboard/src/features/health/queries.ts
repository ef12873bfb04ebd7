/** Events that nobody could handle, and the state of the services: of four as the gateway sees them, of the dashboard's own server as this browser does. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Health = components['schemas']['Health'];
export type ServiceHealth = components['schemas']['ServiceHealth'];

export type DeadLetters = components['schemas']['DeadLetters'];
export type Letter = components['schemas']['Letter'];

const EVERY_MS = 5_000;
const WITHIN_MS = 4_000;
const EVENTS_EVERY_MS = 30_000;

export function healthQuery(api: Api) {
  return queryOptions({
    queryKey: ['health'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/health', { signal })),
    refetchInterval: EVERY_MS,
  });
}

export const deadKey = ['events', 'dead'] as const;

export function deadQuery(api: Api) {
  return queryOptions({
    queryKey: deadKey,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/events/dead', { signal })),
    refetchInterval: EVENTS_EVERY_MS,
  });
}

/** How many are handed out again. */
export async function revive(api: Api, marks: readonly string[]): Promise<number> {
  return (await bodyOf(api.POST('/api/v1/events/revive', { body: { marks: [...marks] } }))).revived;
}

export function dashboardHealthQuery() {
  return queryOptions({
    queryKey: ['health', 'dashboard'],
    queryFn: askDashboard,
    refetchInterval: EVERY_MS,
  });
}

async function askDashboard(): Promise<ServiceHealth> {
  const began = performance.now();
  const [live, ready] = await Promise.all([answers('/health/live'), answers('/health/ready')]);
  const latency = Math.round((performance.now() - began) * 10) / 10;
  return { status: ready ? 'ok' : 'unavailable', live, latency_ms: live ? latency : null, parts: {} };
}

async function answers(path: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(WITHIN_MS);
    return (await fetch(path, { cache: 'no-store', credentials: 'omit', signal })).ok;
  } catch {
    return false;
  }
}
