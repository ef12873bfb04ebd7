/** One file on its way. */

import { Badge } from '@/components/badge';
import { ProblemText } from '@/components/problem-text';
import { Progress } from '@/components/progress';
import { useText } from '@/lib/i18n/context';
import styles from './upload-row.module.css';
import type { Upload } from './uploads';

export function UploadRow({ upload }: { readonly upload: Upload }) {
  const t = useText();
  const { file, state, share, error } = upload;
  return (
    <li className={styles.row}>
      <span className={styles.line}>
        <span className={styles.name}>{file.name}</span>
        {state === 'waiting' ? <Badge>{t('documents.upload.waiting')}</Badge> : null}
        {state === 'sending' ? (
          <Badge tone="busy">{t('documents.upload.sending', { percent: Math.floor(share * 100) })}</Badge>
        ) : null}
        {state === 'done' ? <Badge tone="good">{t('documents.upload.done')}</Badge> : null}
        {state === 'failed' ? <Badge tone="bad">{t('documents.state.failed')}</Badge> : null}
      </span>
      {state === 'sending' ? (
        <Progress label={t('documents.upload.progress', { name: file.name })} share={share} />
      ) : null}
      {state === 'failed' ? (
        <div className={styles.failed} role="alert">
          <ProblemText error={error} />
        </div>
      ) : null}
    </li>
  );
}
