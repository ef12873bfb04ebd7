/** Gives an API key a successor. */

import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { type Key, type KeyMade, rotateKey } from './queries';

interface Props {
  readonly apiKey: Key;
  readonly onDone: (key: KeyMade) => void;
  readonly onClose: () => void;
}

const USUAL_HOURS = 24;
const MOST_HOURS = 168;

export function RotateDialog({ apiKey, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  return (
    <FormDialog
      title={t('keys.rotate.title')}
      verb={t('keys.rotate')}
      busyVerb={t('form.saving')}
      act={(form) => rotateKey(api, apiKey.key_id, Number(form.get('hours')))}
      onDone={onDone}
      onClose={onClose}
    >
      <p>
        <strong>{apiKey.name}</strong> <code>{apiKey.prefix}…</code>
      </p>
      <p>{t('keys.rotate.text')}</p>
      <TextField
        label={t('keys.hours')}
        hint={t('keys.hours.hint')}
        name="hours"
        type="number"
        min={0}
        max={MOST_HOURS}
        step={1}
        defaultValue={USUAL_HOURS}
        required
      />
    </FormDialog>
  );
}
