/** What the organisation may use in a month. */

import { useQueryClient } from '@tanstack/react-query';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { analyticsKey, type Budget, setBudget } from './queries';

interface Props {
  readonly budget: Budget;
  readonly onClose: () => void;
}

export function BudgetDialog({ budget, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const tenantId = useCaller()?.tenantId ?? '';
  const save = (form: FormData) =>
    setBudget(api, tenantId, { tokens: Number(form.get('tokens')), cost: Number(form.get('cost')) });
  const saved = () => {
    toast('good', t('analytics.budget.saved'));
    void queryClient.invalidateQueries({ queryKey: analyticsKey });
    onClose();
  };
  return (
    <FormDialog
      title={t('analytics.budget.change')}
      verb={t('analytics.budget.save')}
      busyVerb={t('analytics.budget.saving')}
      act={save}
      onDone={saved}
      onClose={onClose}
    >
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
    </FormDialog>
  );
}
