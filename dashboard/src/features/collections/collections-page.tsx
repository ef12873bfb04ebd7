/** The collections and who may read them, and a search in what they hold. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { CollectionDialog } from './collection-dialog';
import { CollectionTable } from './collection-table';
import styles from './collections.module.css';
import { type Collection, collectionsKey, collectionsQuery, deleteCollection } from './queries';
import { Search } from './search';

type Open =
  | { readonly what: 'change'; readonly collection: Collection | null }
  | { readonly what: 'delete'; readonly collection: Collection };

export function CollectionsPage() {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const query = useQuery(collectionsQuery(api));
  const mayWrite = useMay('documents:write');
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const done = (words: string) => {
    close();
    toast('good', words);
    void queryClient.invalidateQueries({ queryKey: collectionsKey });
  };
  const add = mayWrite ? (
    <Button kind="primary" onClick={() => setOpen({ what: 'change', collection: null })}>
      {t('collections.new')}
    </Button>
  ) : null;
  return (
    <>
      <PageHeader title={t('collections.title')} lead={t('collections.lead')} actions={add} />
      <QueryView
        query={query}
        isEmpty={(collections) => collections.length === 0}
        empty={<EmptyState icon="documents" title={t('collections.empty')} action={add} />}
      >
        {(collections) => (
          <div className={styles.page}>
            <CollectionTable
              collections={collections}
              onChange={mayWrite ? (collection) => setOpen({ what: 'change', collection }) : undefined}
              onDelete={mayWrite ? (collection) => setOpen({ what: 'delete', collection }) : undefined}
            />
            <Card title={t('collections.search')}>
              <Search collections={collections} />
            </Card>
          </div>
        )}
      </QueryView>
      {open?.what === 'change' ? (
        <CollectionDialog
          collection={open.collection}
          onDone={({ name }) => done(t('collections.saved', { name }))}
          onClose={close}
        />
      ) : null}
      {open?.what === 'delete' ? (
        <ConfirmDialog
          title={t('collections.delete')}
          verb={t('common.delete')}
          busyVerb={t('common.deleting')}
          act={() => deleteCollection(api, open.collection.collection_id)}
          onDone={() => done(t('collections.deleted', { name: open.collection.name }))}
          onClose={close}
        >
          <p>
            <strong>{open.collection.name}</strong>
          </p>
          <p>{t('collections.delete.text')}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
