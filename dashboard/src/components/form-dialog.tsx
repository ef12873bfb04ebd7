/** A form before everything else. It is sent as a whole, stays open when that fails, and keeps nothing of what came back. */

import { useMutation } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useId } from 'react';
import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorState } from './error-state';
import styles from './form-dialog.module.css';

interface Props<Result> {
  readonly title: string;
  readonly children: ReactNode;
  /** What the button says, and says while it works. */
  readonly verb: string;
  readonly busyVerb: string;
  readonly danger?: boolean;
  readonly act: (form: FormData) => Promise<Result>;
  readonly onDone: (result: Result) => void;
  readonly onClose: () => void;
}

export function FormDialog<Result>(props: Props<Result>) {
  const { title, children, verb, busyVerb, danger = false, act, onDone, onClose } = props;
  const t = useText();
  const id = useId();
  // What comes back may be a secret: the cache of mutations does not keep it.
  const deed = useMutation({
    mutationFn: (form: FormData) => act(form),
    onSuccess: (result) => onDone(result),
    gcTime: 0,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!deed.isPending) deed.mutate(new FormData(event.currentTarget));
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" form={id} kind={danger ? 'danger' : 'primary'} busy={deed.isPending}>
            {deed.isPending ? busyVerb : verb}
          </Button>
        </>
      }
    >
      <form id={id} className={styles.form} onSubmit={submit}>
        {children}
      </form>
      {deed.isError ? <ErrorState error={deed.error} /> : null}
    </Dialog>
  );
}
