/** A provider that is not there yet. */

import { useState } from 'react';
import { FormDialog } from '@/components/form-dialog';
import { SelectField } from '@/components/select-field';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { ProviderFields } from './provider-fields';
import { addProvider, KINDS, type Kind, type Provider } from './queries';
import { settingsIn } from './settings';

interface Props {
  readonly onDone: (provider: Provider) => void;
  readonly onClose: () => void;
}

export function AddDialog({ onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const [kind, setKind] = useState<Kind>('llm');
  const add = (form: FormData) =>
    addProvider(api, { ...settingsIn(form, kind), kind, name: String(form.get('name') ?? '').trim() });
  return (
    <FormDialog
      title={t('providers.add')}
      verb={t('providers.add')}
      busyVerb={t('providers.saving')}
      act={add}
      onDone={onDone}
      onClose={onClose}
    >
      <SelectField
        label={t('providers.field.kind')}
        value={kind}
        options={KINDS.map((one) => [one, t(`providers.kind.${one}`)])}
        onChange={(value) => setKind(KINDS.find((one) => one === value) ?? 'llm')}
      />
      <TextField
        label={t('providers.field.name')}
        hint={t('providers.name.hint')}
        name="name"
        maxLength={200}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        required
      />
      <ProviderFields kind={kind} provider={null} />
    </FormDialog>
  );
}
