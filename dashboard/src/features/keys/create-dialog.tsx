/** Makes an API key. */

import { FormDialog } from '@/components/form-dialog';
import { ScopePicker } from '@/components/scope-picker';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { createKey, type KeyMade } from './queries';

interface Props {
  readonly onDone: (key: KeyMade) => void;
  readonly onClose: () => void;
}

const USUAL_DAYS = 90;
const MOST_DAYS = 3650;

export function CreateDialog({ onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const create = (form: FormData) =>
    createKey(api, {
      name: String(form.get('name')).trim(),
      scopes: form.getAll('scopes').map(String),
      expires_in_days: Number(form.get('days')) || null,
    });
  return (
    <FormDialog
      title={t('keys.create')}
      verb={t('keys.create.verb')}
      busyVerb={t('form.saving')}
      act={create}
      onDone={onDone}
      onClose={onClose}
    >
      <TextField
        label={t('keys.column.name')}
        hint={t('keys.name.hint')}
        name="name"
        pattern=".*\S.*"
        maxLength={80}
        autoComplete="off"
        required
      />
      <TextField
        label={t('keys.days')}
        hint={t('keys.days.hint')}
        name="days"
        type="number"
        min={1}
        max={MOST_DAYS}
        step={1}
        defaultValue={USUAL_DAYS}
      />
      <ScopePicker legend={t('keys.column.scopes')} chosen={['talk']} />
    </FormDialog>
  );
}
