/** Shows a secret this once. Whoever renders it forgets the secret when it closes. */

import type { ReactNode } from 'react';
import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import { CopyText } from './copy-text';
import { Dialog } from './dialog';
import { Notice } from './notice';

interface Props {
  readonly title: string;
  /** What the secret is. */
  readonly label: string;
  readonly secret: string;
  readonly children?: ReactNode;
  readonly onClose: () => void;
}

export function SecretDialog({ title, label, secret, children, onClose }: Props) {
  const t = useText();
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          {t('copy.kept')}
        </Button>
      }
    >
      <Notice tone="info">{t('copy.once')}</Notice>
      <CopyText label={label} text={secret} />
      {children}
    </Dialog>
  );
}
