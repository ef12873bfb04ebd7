/** A search in the collections: the passages that an agent would be given, with their places. Words that are searched for stay out of the address. */

import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Button } from '@/components/button';
import { ErrorState } from '@/components/error-state';
import { SelectField } from '@/components/select-field';
import { TextField } from '@/components/text-field';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import styles from './collections.module.css';
import { type Collection, type Passage, type SearchWanted, search } from './queries';

export function Search({ collections }: { readonly collections: readonly Collection[] }) {
  const { t } = useI18n();
  const api = useApi();
  const [collectionId, setCollectionId] = useState('');
  const found = useMutation({ mutationFn: (wanted: SearchWanted) => search(api, wanted) });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget).get('words') ?? '').trim();
    if (words && !found.isPending) found.mutate({ words, collectionId });
  };
  return (
    <search className={styles.part}>
      <form className={styles.part} onSubmit={submit}>
        <TextField
          label={t('collections.search.words')}
          hint={t('collections.search.hint')}
          name="words"
          maxLength={4000}
          autoComplete="off"
          required
        />
        <div className={styles.bar}>
          <SelectField
            label={t('collections.search.in')}
            value={collectionId}
            options={[
              ['', t('collections.search.all')],
              ...collections.map((one) => [one.collection_id, one.name] as const),
            ]}
            onChange={setCollectionId}
          />
          <Button type="submit" busy={found.isPending}>
            {found.isPending ? t('collections.search.busy') : t('collections.search')}
          </Button>
        </div>
      </form>
      {found.isError ? <ErrorState error={found.error} /> : null}
      <div aria-live="polite" className={styles.news}>
        {found.data ? <Passages passages={found.data} /> : null}
      </div>
    </search>
  );
}

function Passages({ passages }: { readonly passages: readonly Passage[] }) {
  const { t, language } = useI18n();
  if (passages.length === 0) return <p className={styles.soft}>{t('collections.search.none')}</p>;
  return (
    <>
      <p className={styles.soft}>{t('collections.search.found', { count: passages.length })}</p>
      <ol className={styles.passages}>
        {passages.map((one) => (
          <li key={one.chunk_id}>
            <Link
              to="/documents/$documentId"
              params={{ documentId: one.document_id }}
              search={one.page > 1 ? { page: one.page } : {}}
            >
              {one.title || one.document_id}
            </Link>
            <span className={styles.soft}>
              {' '}
              {one.heading ? `${one.heading} · ` : ''}
              {t('collections.search.place', { page: one.page, start: one.start, end: one.end })} ·{' '}
              {t('collections.search.score')} {formatNumber(one.score, language, 3)}
            </span>
            <blockquote className={styles.quote}>{one.text}</blockquote>
          </li>
        ))}
      </ol>
    </>
  );
}
