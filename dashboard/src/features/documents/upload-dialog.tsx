/** Takes files by choice or by drop, and shows how far each is. Closing it stops what has not been sent. */

import { type DragEvent, useId, useState } from 'react';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { Dialog } from '@/components/dialog';
import { useText } from '@/lib/i18n/context';
import styles from './upload-dialog.module.css';
import { UploadRow } from './upload-row';
import { useUploads } from './uploads';

const ACCEPTED = '.pdf,.docx,.txt,.md,.markdown,.html,.htm';

export function UploadDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const id = useId();
  const uploads = useUploads();
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    uploads.add(event.dataTransfer.files);
  };
  const close = (
    <Button kind={uploads.busy ? 'plain' : 'primary'} onClick={onClose}>
      {uploads.busy ? t('common.cancel') : t('common.close')}
    </Button>
  );
  return (
    <Dialog title={t('documents.upload.title')} onClose={onClose} actions={close}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the field inside is the one for everybody */}
      <div
        className={styles.drop}
        data-over={over}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <span>{t('documents.upload.drop')}</span>
        <input
          id={id}
          className={styles.file}
          type="file"
          multiple
          accept={ACCEPTED}
          onChange={(event) => {
            uploads.add(event.target.files ?? []);
            event.target.value = '';
          }}
        />
        <label htmlFor={id} className={styles.choose}>
          <span className={buttonClass()}>{t('documents.upload.choose')}</span>
        </label>
        <span className={styles.formats}>{t('documents.upload.formats')}</span>
      </div>
      {uploads.list.length > 0 ? (
        <ul className={styles.list}>
          {uploads.list.map((one) => (
            <UploadRow key={one.id} upload={one} />
          ))}
        </ul>
      ) : null}
    </Dialog>
  );
}
