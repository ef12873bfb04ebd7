/** With whom one can talk. */

import { queryOptions } from '@tanstack/react-query';
import { type Api, bodyOf } from '@/api/client';

export function agentsQuery(api: Api) {
  return queryOptions({
    queryKey: ['talk', 'agents'],
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/agents', { signal })),
    staleTime: 30_000,
  });
}
