/** The documents, a page at a time, by state and kind; the address says which. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { PageHeader } from '@/components/page-header';
import { Pager } from '@/components/pager';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { DocumentTable } from './document-table';
import { Filters } from './filters';
import { documentsQuery } from './queries';
import { UploadDialog } from './upload-dialog';

const route = getRouteApi('/shell/documents');

export function ListPage() {
  const t = useText();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(documentsQuery(useApi(), search));
  const [uploading, setUploading] = useState(false);
  const upload = useMay('documents:write') ? (
    <Button kind="primary" onClick={() => setUploading(true)}>
      <Icon name="upload" />
      {t('documents.upload')}
    </Button>
  ) : null;
  const { before, before_id: _, ...filters } = search;
  const { next_before: next, next_before_id: nextId } = query.data ?? {};
  const isFiltered = Boolean(search.state ?? search.kind ?? before);
  return (
    <>
      <PageHeader title={t('documents.title')} lead={t('documents.lead')} actions={upload} />
      <Filters filters={filters} onChange={(changed) => void navigate({ search: changed })} />
      <QueryView
        query={query}
        isEmpty={(page) => page.items.length === 0}
        empty={
          isFiltered ? (
            <EmptyState
              icon="documents"
              title={t('documents.empty.filtered')}
              hint={t('documents.empty.filtered.hint')}
            />
          ) : (
            <EmptyState
              icon="documents"
              title={t('documents.empty')}
              hint={t('documents.empty.hint')}
              action={upload}
            />
          )
        }
      >
        {(page) => <DocumentTable documents={page.items} />}
      </QueryView>
      <Pager
        onNewest={before ? () => void navigate({ search: filters }) : undefined}
        onNext={
          next && nextId
            ? () => void navigate({ search: { ...filters, before: next, before_id: nextId } })
            : undefined
        }
      />
      {uploading ? <UploadDialog onClose={() => setUploading(false)} /> : null}
    </>
  );
}
