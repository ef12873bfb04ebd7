/** Asks before something is gone for good, runs it, and stays open when it fails. */

import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorState } from './error-state';

interface Props {
  readonly title: string;
  readonly children: ReactNode;
  /** What the button says, and says while it works. */
  readonly verb: string;
  readonly busyVerb: string;
  readonly act: () => Promise<unknown>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function ConfirmDialog({ title, children, verb, busyVerb, act, onDone, onClose }: Props) {
  const t = useText();
  const deed = useMutation({ mutationFn: act, onSuccess: onDone });
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button autoFocus onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button kind="danger" busy={deed.isPending} onClick={() => deed.mutate()}>
            {deed.isPending ? busyVerb : verb}
          </Button>
        </>
      }
    >
      <div>{children}</div>
      {deed.isError ? <ErrorState error={deed.error} /> : null}
    </Dialog>
  );
}
