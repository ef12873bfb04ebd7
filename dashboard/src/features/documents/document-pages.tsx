/** The text that was read, one page at a time; the address says which. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button } from '@/components/button';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import styles from './document-pages.module.css';
import { type Document, textQuery } from './queries';

const route = getRouteApi('/shell/documents/$documentId');

export function DocumentPages({ document }: { readonly document: Document }) {
  const t = useText();
  if (document.state !== 'ready') return <p className={styles.none}>{t('documents.detail.no_text')}</p>;
  return <Pages document={document} />;
}

function Pages({ document }: { readonly document: Document }) {
  const t = useText();
  const navigate = route.useNavigate();
  const count = Math.max(1, document.page_count);
  const number = Math.min(route.useSearch().page ?? 1, count);
  const query = useQuery(textQuery(useApi(), document.document_id, number, document.version));
  const go = (page: number) => void navigate({ search: page > 1 ? { page } : {}, resetScroll: false });
  return (
    <>
      {count > 1 ? (
        <div className={styles.bar}>
          <Button disabled={number <= 1} onClick={() => go(number - 1)}>
            {t('documents.detail.page.previous')}
          </Button>
          <span aria-live="polite">{t('documents.detail.page', { number, count })}</span>
          <Button disabled={number >= count} onClick={() => go(number + 1)}>
            {t('documents.detail.page.next')}
          </Button>
        </div>
      ) : null}
      <QueryView
        query={query}
        isEmpty={(page) => page.text.trim() === ''}
        empty={<p className={styles.none}>{t('documents.detail.no_text')}</p>}
      >
        {(page) => (
          <section
            className={styles.text}
            tabIndex={0}
            aria-label={t('documents.detail.page', { number, count })}
          >
            {page.text}
          </section>
        )}
      </QueryView>
    </>
  );
}
