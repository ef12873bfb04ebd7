/** One document: its state, what is known of it, and its text page by page. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { BackLink } from '@/components/back-link';
import { Card } from '@/components/card';
import { Notice } from '@/components/notice';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import styles from './detail-page.module.css';
import { DocumentActions } from './document-actions';
import { DocumentFacts } from './document-facts';
import { DocumentPages } from './document-pages';
import { MetadataFacts } from './metadata-facts';
import { documentQuery } from './queries';
import { StateBadge } from './state-badge';

const route = getRouteApi('/shell/documents/$documentId');

export function DetailPage() {
  const t = useText();
  const { documentId } = route.useParams();
  const query = useQuery(documentQuery(useApi(), documentId));
  return (
    <>
      <BackLink to="/documents">{t('documents.title')}</BackLink>
      <QueryView query={query}>
        {(document) => (
          <>
            <PageHeader
              title={document.title || document.file_name}
              lead={<StateBadge document={document} />}
              actions={<DocumentActions document={document} />}
            />
            {document.failure_code ? (
              <div className={styles.failed}>
                <Notice tone="bad">
                  <strong>{t('documents.detail.failed')}</strong>
                  <p>
                    {document.failure_message} <code>{document.failure_code}</code>
                  </p>
                </Notice>
              </div>
            ) : null}
            <div className={styles.grid}>
              <Card title={t('documents.detail.text')}>
                <DocumentPages document={document} />
              </Card>
              <div className={styles.side}>
                <Card title={t('documents.detail.about')}>
                  <DocumentFacts document={document} />
                </Card>
                <Card title={t('documents.detail.metadata')}>
                  <MetadataFacts metadata={document.metadata} />
                </Card>
              </div>
            </div>
          </>
        )}
      </QueryView>
    </>
  );
}
