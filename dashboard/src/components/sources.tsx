/** What an answer rests on: document, page, and the words that it quotes. */

import { Link } from '@tanstack/react-router';
import type { components } from '@/api/generated/schema';
import { useText } from '@/lib/i18n/context';
import { useMay } from '@/lib/services';
import styles from './sources.module.css';

type Citation = components['schemas']['Citation'];

interface Props {
  readonly citations: readonly Citation[];
  /** Documents open in another tab, so that what goes on here goes on. */
  readonly apart?: boolean;
}

export function Sources({ citations, apart = false }: Props) {
  const t = useText();
  return (
    <details className={styles.sources}>
      <summary>{t('turn.sources', { count: citations.length })}</summary>
      <ol className={styles.list}>
        {citations.map((one) => (
          <li key={`${one.document_id}-${one.start}-${one.end}`}>
            <Title citation={one} apart={apart} />
            {one.page ? <>, {t('turn.page', { page: one.page })}</> : null}
            <blockquote className={styles.quote}>{one.quote}</blockquote>
          </li>
        ))}
      </ol>
    </details>
  );
}

function Title({ citation, apart }: { readonly citation: Citation; readonly apart: boolean }) {
  const mayRead = useMay('documents:read');
  if (!mayRead) return <strong>{citation.title}</strong>;
  const search = citation.page ? { page: citation.page } : {};
  return (
    <Link
      to="/documents/$documentId"
      params={{ documentId: citation.document_id }}
      search={search}
      {...(apart ? { target: '_blank' } : {})}
    >
      {citation.title}
    </Link>
  );
}
