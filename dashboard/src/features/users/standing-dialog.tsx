/** Turns a person away, or lets them in again. */

import { FormDialog } from '@/components/form-dialog';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { changeUser, type Person } from './queries';

interface Props {
  readonly person: Person;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function StandingDialog({ person, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const way = person.disabled ? 'enable' : 'disable';
  const done = () => {
    toast('good', t(`users.${way}.done`, { email: person.email }));
    onDone();
  };
  return (
    <FormDialog
      title={t(`users.${way}.title`)}
      verb={t(`users.${way}`)}
      busyVerb={t('form.saving')}
      danger={!person.disabled}
      act={() => changeUser(api, person.user_id, { disabled: !person.disabled })}
      onDone={done}
      onClose={onClose}
    >
      <p>
        <strong>{person.email}</strong>
      </p>
      <p>{t(`users.${way}.text`)}</p>
    </FormDialog>
  );
}
