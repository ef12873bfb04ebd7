/** How long answers are good, and which calls are tried again. */

import { QueryClient } from '@tanstack/react-query';
import { ApiProblem } from '@/api/problem';

const FRESH_MS = 10_000;
const TRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        retry: (failures, error) => failures < TRIES && error instanceof ApiProblem && error.passes,
      },
      // What changes something is never sent twice by itself.
      mutations: { retry: false },
    },
  });
}
