/** What can be done with a document: download it, read it again, delete it. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Icon } from '@/components/icon';
import { useText } from '@/lib/i18n/context';
import { problemMessage } from '@/lib/problem-message';
import { useMay, useServices } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { type Document, deleteDocument, documentsKey, reindexDocument } from './queries';
import { isUnderWay } from './states';

export function DocumentActions({ document }: { readonly document: Document }) {
  const t = useText();
  const { session } = useServices();
  const path = `/api/v1/documents/${encodeURIComponent(document.document_id)}/content`;
  return (
    <>
      <a className={buttonClass()} href={session.gateway + path} download={document.file_name}>
        <Icon name="download" />
        {t('documents.detail.download')}
      </a>
      {useMay('documents:write') ? <Changes document={document} /> : null}
    </>
  );
}

function Changes({ document }: { readonly document: Document }) {
  const t = useText();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const reindex = useMutation({
    mutationFn: () => reindexDocument(api, document.document_id),
    onSuccess: () => toast('info', t('documents.detail.reindexed')),
    onError: (error) => toast('bad', problemMessage(error, t)),
    onSettled: () => queryClient.invalidateQueries({ queryKey: documentsKey }),
  });
  const gone = () => {
    toast('good', t('documents.deleted', { title: document.title || document.file_name }));
    void navigate({ to: '/documents' });
    queryClient.removeQueries({ queryKey: documentsKey });
  };
  return (
    <>
      <Button busy={reindex.isPending || isUnderWay(document.state)} onClick={() => reindex.mutate()}>
        <Icon name="refresh" />
        {t('documents.detail.reindex')}
      </Button>
      <Button kind="danger" onClick={() => setAsking(true)}>
        <Icon name="trash" />
        {t('common.delete')}
      </Button>
      {asking ? (
        <ConfirmDialog
          title={t('documents.delete')}
          verb={t('common.delete')}
          busyVerb={t('common.deleting')}
          act={() => deleteDocument(api, document.document_id)}
          onDone={gone}
          onClose={() => setAsking(false)}
        >
          <p>
            <strong>{document.title || document.file_name}</strong>
          </p>
          <p>{t('documents.delete.text')}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
