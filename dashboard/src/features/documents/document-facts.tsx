/** What the platform knows of a document. */

import { Facts } from '@/components/facts';
import { Moment } from '@/components/moment';
import { formatBytes, formatLanguage, formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import type { Document } from './queries';

export function DocumentFacts({ document }: { readonly document: Document }) {
  const { t, language } = useI18n();
  const percent = Math.round(document.kind_confidence * 100);
  const count = (value: number) => (value ? formatNumber(value, language) : null);
  return (
    <Facts
      facts={[
        [t('documents.field.file'), document.file_name],
        [
          t('documents.field.kind'),
          document.kind && t('documents.field.kind.value', { kind: document.kind, percent }),
        ],
        [t('documents.field.language'), document.language && formatLanguage(document.language, language)],
        [t('documents.field.pages'), count(document.page_count)],
        [t('documents.field.words'), count(document.word_count)],
        [t('documents.field.size'), formatBytes(document.size_bytes, language)],
        [t('documents.field.type'), document.media_type],
        [t('documents.field.version'), formatNumber(document.version, language)],
        [t('documents.field.readers'), document.reader_ids.join(', ') || t('documents.field.readers.all')],
        [t('documents.field.added'), <Moment key="added" at={document.created_at} exact />],
        [t('documents.field.changed'), <Moment key="changed" at={document.updated_at} exact />],
        [t('documents.field.id'), <code key="id">{document.document_id}</code>],
        [t('documents.field.sha256'), <code key="sha256">{document.sha256}</code>],
      ]}
    />
  );
}
