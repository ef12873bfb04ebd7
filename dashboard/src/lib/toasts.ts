/** Short messages on what has just happened. A store of its own, so that anything may tell one. */

import { useSyncExternalStore } from 'react';

export interface Toast {
  readonly id: number;
  readonly tone: 'good' | 'bad' | 'info';
  readonly text: string;
}

/** Bad news stays until it is taken away. */
const SHOWN_MS = 6_000;
const MOST = 4;

let shown: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

export function toast(tone: Toast['tone'], text: string): void {
  lastId += 1;
  const id = lastId;
  become([...shown, { id, tone, text }].slice(-MOST));
  if (tone !== 'bad') window.setTimeout(() => dismissToast(id), SHOWN_MS);
}

export function dismissToast(id: number): void {
  become(shown.filter((one) => one.id !== id));
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(subscribe, () => shown);
}

function become(next: readonly Toast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
