/** Adds a person: by an invitation, or with a password that somebody tells them. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { FormDialog } from '@/components/form-dialog';
import { SelectField } from '@/components/select-field';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { addUser, inviteUser, type OneTimeToken, peopleKey, rolesQuery } from './queries';
import { givable } from './reach';

interface Props {
  /** With the token of the invitation; null when the person has a password already. */
  readonly onDone: (invitation: OneTimeToken | null) => void;
  readonly onClose: () => void;
}

const FIRST_ROLE = 'viewer';

export function AddDialog({ onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const caller = useCaller();
  const queryClient = useQueryClient();
  const roles = useQuery(rolesQuery(api)).data ?? [];
  const [role, setRole] = useState(FIRST_ROLE);
  const [way, setWay] = useState('invite');
  const add = async (form: FormData) => {
    const email = String(form.get('email')).trim();
    if (way === 'invite') return inviteUser(api, email, role);
    await addUser(api, email, role, String(form.get('password')));
    toast('good', t('users.added', { email }));
    return null;
  };
  const done = (invitation: OneTimeToken | null) => {
    void queryClient.invalidateQueries({ queryKey: peopleKey });
    onDone(invitation);
  };
  return (
    <FormDialog
      title={t('users.add.title')}
      verb={way === 'invite' ? t('users.invite') : t('users.add')}
      busyVerb={t('users.add.busy')}
      act={add}
      onDone={done}
      onClose={onClose}
    >
      <TextField
        label={t('users.column.email')}
        name="email"
        type="email"
        autoComplete="off"
        maxLength={256}
        required
      />
      <SelectField
        label={t('users.column.role')}
        value={role}
        options={roles.length > 0 ? givable(caller, roles) : [[FIRST_ROLE, FIRST_ROLE]]}
        onChange={setRole}
      />
      <SelectField
        label={t('users.way')}
        value={way}
        options={[
          ['invite', t('users.way.invite')],
          ['password', t('users.way.password')],
        ]}
        onChange={setWay}
      />
      {way === 'password' ? (
        <TextField
          label={t('users.password')}
          hint={t('users.password.hint')}
          name="password"
          type="password"
          autoComplete="new-password"
          maxLength={128}
          required
        />
      ) : null}
    </FormDialog>
  );
}
