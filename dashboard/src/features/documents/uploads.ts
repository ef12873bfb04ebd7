/** Files on their way to the server, one after the other. The queue belongs to whoever calls the hook, and stops with it. */

import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiProblem } from '@/api/problem';
import type { Session } from '@/api/session';
import { upload } from '@/api/upload';
import { useServices } from '@/lib/services';
import { documentsKey } from './queries';

export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly state: 'waiting' | 'sending' | 'done' | 'failed';
  /** 0 to 1. */
  readonly share: number;
  readonly error: unknown;
}

export interface Uploads {
  readonly list: readonly Upload[];
  readonly busy: boolean;
  readonly add: (files: Iterable<File>) => void;
}

export function useUploads(): Uploads {
  const { session } = useServices();
  const queryClient = useQueryClient();
  const [list, setList] = useState<readonly Upload[]>([]);
  const lastId = useRef(0);
  const stop = useStopWhenGone();

  const change = useCallback((id: number, what: Partial<Upload>) => {
    setList((all) => all.map((one) => (one.id === id ? { ...one, ...what } : one)));
  }, []);
  const add = useCallback((files: Iterable<File>) => {
    const added = [...files].map((file) => {
      lastId.current += 1;
      return { id: lastId.current, file, state: 'waiting', share: 0, error: null } as const;
    });
    setList((all) => [...all, ...added]);
  }, []);

  const next = list.find((one) => one.state === 'waiting');
  const sending = list.some((one) => one.state === 'sending');
  useEffect(() => {
    if (!next || sending) return;
    const { id, file } = next;
    change(id, { state: 'sending' });
    sendFile(session, file, stop.current.signal, (share) => change(id, { share }))
      .then(() => change(id, { state: 'done', share: 1 }))
      .catch((error: unknown) => change(id, { state: 'failed', error }))
      .finally(() => void queryClient.invalidateQueries({ queryKey: documentsKey }));
  }, [next, sending, session, queryClient, change, stop]);

  return { list, busy: sending || next !== undefined, add };
}

async function sendFile(
  session: Session,
  file: File,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<void> {
  if (signal.aborted) throw new ApiProblem({ status: 0, code: 'cancelled', detail: 'Cancelled.' });
  const form = new FormData();
  form.set('file', file);
  await upload(session, '/api/v1/documents', form, { signal, onProgress });
}

function useStopWhenGone() {
  const stop = useRef(new AbortController());
  useEffect(() => {
    if (stop.current.signal.aborted) stop.current = new AbortController(); // strict mode mounts twice
    return () => stop.current.abort();
  }, []);
  return stop;
}
