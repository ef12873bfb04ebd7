/** What can be done with a person: another role, turning them away, a new password. Not with oneself, nor with those who may more. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller, useMay } from '@/lib/services';
import { type OneTimeToken, type Person, peopleKey, rolesQuery } from './queries';
import { within } from './reach';
import { ResetDialog } from './reset-dialog';
import { RoleDialog } from './role-dialog';
import { StandingDialog } from './standing-dialog';
import { TokenDialog } from './token-dialog';

export function UserActions({ person }: { readonly person: Person }) {
  const t = useText();
  const caller = useCaller();
  const roles = useQuery(rolesQuery(useApi())).data;
  const mayWrite = useMay('users:write');
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<'role' | 'standing' | 'reset' | null>(null);
  const [token, setToken] = useState<OneTimeToken | null>(null);
  const role = roles?.find((one) => one.name === person.role);
  const reachable = mayWrite && roles !== undefined && (!role || within(caller, role));
  if (!reachable || person.user_id === caller?.subject) return null;
  const close = () => setOpen(null);
  const done = () => {
    close();
    void queryClient.invalidateQueries({ queryKey: peopleKey });
  };
  const wasReset = (made: OneTimeToken) => {
    setToken(made);
    done();
  };
  return (
    <>
      <Button onClick={() => setOpen('role')}>{t('users.role.change')}</Button>
      <Button onClick={() => setOpen('reset')}>{t('users.reset')}</Button>
      <Button kind={person.disabled ? 'plain' : 'danger'} onClick={() => setOpen('standing')}>
        {person.disabled ? t('users.enable') : t('users.disable')}
      </Button>
      {open === 'role' ? <RoleDialog person={person} roles={roles} onDone={done} onClose={close} /> : null}
      {open === 'standing' ? <StandingDialog person={person} onDone={done} onClose={close} /> : null}
      {open === 'reset' ? <ResetDialog person={person} onDone={wasReset} onClose={close} /> : null}
      {token ? (
        <TokenDialog title={t('users.reset.title')} token={token} onClose={() => setToken(null)} />
      ) : null}
    </>
  );
}
