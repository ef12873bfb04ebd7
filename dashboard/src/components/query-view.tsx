/** What a query brings: on its way, failed, empty, or there. Every page that loads something shows it through this. */

import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorState } from './error-state';
import { LoadingState } from './loading-state';

interface Props<Data> {
  readonly query: UseQueryResult<Data>;
  readonly isEmpty?: (data: Data) => boolean;
  readonly empty?: ReactNode;
  readonly loading?: ReactNode;
  readonly children: (data: Data) => ReactNode;
}

export function QueryView<Data>({ query, isEmpty, empty, loading, children }: Props<Data>) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    return query.isError ? <ErrorState error={query.error} onRetry={retry} /> : (loading ?? <LoadingState />);
  }
  return (
    <>
      {query.isError ? <ErrorState error={query.error} onRetry={retry} /> : null}
      {isEmpty?.(query.data) ? empty : children(query.data)}
    </>
  );
}
