/** Retention, legal holds, and erasures of people. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';

export type Retention = components['schemas']['RetentionShown'];
export type Holds = components['schemas']['HoldsShown'];
export type Approval = components['schemas']['Approval'];
export type Erasure = components['schemas']['ErasureShown'];
export type ErasureWanted = components['schemas']['ErasureWanted'];

const PAGE_SIZE = 20;
const LIVE_MS = 2_000;

export const privacyKey = ['privacy'] as const;

export function retentionQuery(api: Api) {
  return queryOptions({
    queryKey: [...privacyKey, 'retention'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/privacy/retention', { signal })),
  });
}

export function holdsQuery(api: Api) {
  return queryOptions({
    queryKey: [...privacyKey, 'holds'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/privacy/holds', { signal })),
  });
}

/** Where a page of erasures ended. */
export interface ErasurePlace {
  readonly before: string;
  readonly before_id: string;
}

/** Asked for again while one is under way. place: where the page before ended. */
export function erasuresQuery(api: Api, place: ErasurePlace | null) {
  return queryOptions({
    queryKey: [...privacyKey, 'erasures', place],
    queryFn: ({ signal }) => {
      const query = { limit: PAGE_SIZE, ...place };
      return bodyOf(api.GET('/api/v1/privacy/erasures', { params: { query }, signal }));
    },
    refetchInterval: ({ state }) =>
      state.data?.items.some((one) => ['queued', 'running'].includes(one.state)) ? LIVE_MS : false,
  });
}

export function changeRetention(api: Api, wanted: Retention): Promise<Retention> {
  return bodyOf(api.PUT('/api/v1/privacy/retention', { body: wanted }));
}

/** A removal that was held back: how much of a class was due, and how much of it there is. */
export interface HeldBack {
  readonly dataClass: Approval['data_class'];
  readonly at: string;
  readonly due: number;
  readonly total: number;
  /** When it was allowed since; null while nobody has. */
  readonly allowedAt: string | null;
}

const HELD_BACK_PAGE = 50;
const CLASSES: readonly Approval['data_class'][] = ['transcripts', 'audio', 'documents'];

/** The newest of each class, by the audit log, which records one a day while it waits. */
export function heldBackQuery(api: Api) {
  return queryOptions({
    queryKey: [...privacyKey, 'held_back'],
    queryFn: async ({ signal }) => {
      const records = async (action: string) => {
        const query = { action, limit: HELD_BACK_PAGE };
        return (await bodyOf(api.GET('/api/v1/audit', { params: { query }, signal }))).items;
      };
      const [held, ended] = await Promise.all([
        records('retention_held_back'),
        Promise.all([records('retention_approved'), records('retention_applied')]),
      ]);
      return heldBack(held, ended[0], ended[1]);
    },
  });
}

type Entry = components['schemas']['AuditShown'];

/** What still waits: those whose class was not removed since. Records: newest first. */
export function heldBack(
  held: readonly Entry[],
  approved: readonly Entry[],
  applied: readonly Entry[],
): readonly HeldBack[] {
  return CLASSES.flatMap((dataClass) => {
    const last = held.find((one) => one.data.class === dataClass);
    if (!last) return [];
    const since = (one: Entry) => one.sequence > last.sequence;
    if (applied.some((one) => since(one) && dataClass in one.data)) return [];
    const allowed = approved.find((one) => since(one) && one.data.class === dataClass);
    const [due, total] = [Number(last.data.due), Number(last.data.total)];
    return [{ dataClass, at: last.at, due, total, allowedAt: allowed?.at ?? null }];
  });
}

export async function approveRemoval(api: Api, wanted: Approval): Promise<void> {
  await api.POST('/api/v1/privacy/retention/approvals', { body: wanted });
}

export function holdSubject(api: Api, subject: string): Promise<Holds> {
  return bodyOf(api.POST('/api/v1/privacy/holds/subjects', { body: { subject } }));
}

/** subject: the person, or the name by which the hold is shown. */
export function releaseSubject(api: Api, subject: string): Promise<Holds> {
  return bodyOf(api.DELETE('/api/v1/privacy/holds/subjects', { body: { subject } }));
}

/** The people who are held stay held. */
export function holdEverything(api: Api, everything: boolean): Promise<Holds> {
  return bodyOf(api.PUT('/api/v1/privacy/holds', { body: { everything, subjects: null } }));
}

/** A ZIP file. */
export async function exportPerson(api: Api, subject: string): Promise<Blob> {
  const { data } = await api.POST('/api/v1/privacy/exports', { body: { subject }, parseAs: 'blob' });
  return data as Blob;
}

export function erase(api: Api, wanted: ErasureWanted): Promise<Erasure> {
  return bodyOf(api.POST('/api/v1/privacy/erasures', { body: wanted }));
}
