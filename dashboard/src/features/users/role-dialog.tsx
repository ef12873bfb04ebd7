/** Gives a person another role. */

import { useState } from 'react';
import { FormDialog } from '@/components/form-dialog';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { changeUser, type Person, type Role } from './queries';
import { givable } from './reach';

interface Props {
  readonly person: Person;
  readonly roles: readonly Role[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function RoleDialog({ person, roles, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const options = givable(useCaller(), roles);
  const [role, setRole] = useState(person.role);
  const done = () => {
    toast('good', t('users.role.changed', { email: person.email, role }));
    onDone();
  };
  return (
    <FormDialog
      title={t('users.role.change')}
      verb={t('form.save')}
      busyVerb={t('form.saving')}
      act={() => changeUser(api, person.user_id, { role })}
      onDone={done}
      onClose={onClose}
    >
      <p>{person.email}</p>
      <SelectField label={t('users.column.role')} value={role} options={options} onChange={setRole} />
      <p>{t('users.role.hint')}</p>
    </FormDialog>
  );
}
