/** What an answer rests on: document, page, and the words that it quotes. */

import { Link } from '@tanstack/react-router';
import { useText } from '@/lib/i18n/context';
import { useMay } from '@/lib/services';
import type { Citation } from './queries';
import styles from './sources.module.css';

export function Sources({ citations }: { readonly citations: readonly Citation[] }) {
  const t = useText();
  return (
    <details className={styles.sources}>
      <summary>{t('turn.sources', { count: citations.length })}</summary>
      <ol className={styles.list}>
        {citations.map((one) => (
          <li key={`${one.document_id}-${one.start}-${one.end}`}>
            <Title citation={one} />
            {one.page ? <>, {t('turn.page', { page: one.page })}</> : null}
            <blockquote className={styles.quote}>{one.quote}</blockquote>
          </li>
        ))}
      </ol>
    </details>
  );
}

function Title({ citation }: { readonly citation: Citation }) {
  const mayRead = useMay('documents:read');
  if (!mayRead) return <strong>{citation.title}</strong>;
  const search = citation.page ? { page: citation.page } : {};
  return (
    <Link to="/documents/$documentId" params={{ documentId: citation.document_id }} search={search}>
      {citation.title}
    </Link>
  );
}
