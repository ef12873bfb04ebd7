/** What the organisation may use in a month. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useId } from 'react';
import { Button } from '@/components/button';
import { Dialog } from '@/components/dialog';
import { ErrorState } from '@/components/error-state';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './analytics.module.css';
import { analyticsKey, type Budget, setBudget } from './queries';

interface Props {
  readonly budget: Budget;
  readonly onClose: () => void;
}

export function BudgetDialog({ budget, onClose }: Props) {
  const t = useText();
  const id = useId();
  const api = useApi();
  const queryClient = useQueryClient();
  const tenantId = useCaller()?.tenantId ?? '';
  const save = useMutation({
    mutationFn: (wanted: Budget) => setBudget(api, tenantId, wanted),
    onSuccess: () => {
      toast('good', t('analytics.budget.saved'));
      void queryClient.invalidateQueries({ queryKey: analyticsKey });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    if (!save.isPending) save.mutate({ tokens: Number(form.get('tokens')), cost: Number(form.get('cost')) });
  };
  const actions = (
    <>
      <Button onClick={onClose}>{t('common.cancel')}</Button>
      <Button type="submit" form={id} kind="primary" busy={save.isPending}>
        {t('analytics.budget.save')}
      </Button>
    </>
  );
  return (
    <Dialog title={t('analytics.budget.change')} onClose={onClose} actions={actions}>
      <form id={id} className={styles.form} onSubmit={submit}>
        <p>{t('analytics.budget.text')}</p>
        <TextField
          label={t('analytics.budget.tokens')}
          name="tokens"
          type="number"
          min={0}
          max={10 ** 15}
          step={1}
          defaultValue={budget.tokens}
          required
        />
        <TextField
          label={t('analytics.budget.cost')}
          name="cost"
          type="number"
          min={0}
          max={10 ** 9}
          step="any"
          defaultValue={budget.cost}
          required
        />
        {save.isError ? <ErrorState error={save.error} /> : null}
      </form>
    </Dialog>
  );
}
