/** Ends a person's password, and makes a link with which they set a new one. */

import { CheckField } from '@/components/check-field';
import { FormDialog } from '@/components/form-dialog';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { type OneTimeToken, type Person, resetPassword } from './queries';

interface Props {
  readonly person: Person;
  readonly onDone: (token: OneTimeToken) => void;
  readonly onClose: () => void;
}

export function ResetDialog({ person, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  return (
    <FormDialog
      title={t('users.reset')}
      verb={t('users.reset.verb')}
      busyVerb={t('form.saving')}
      danger
      act={(form) => resetPassword(api, person.user_id, form.has('second_factor'))}
      onDone={onDone}
      onClose={onClose}
    >
      <p>
        <strong>{person.email}</strong>
      </p>
      <p>{t('users.reset.text')}</p>
      <CheckField
        name="second_factor"
        label={t('users.reset.second_factor')}
        hint={t('users.reset.second_factor.hint')}
      />
    </FormDialog>
  );
}
