/** The authenticator app: whether it is in force, and the way to the other state. While that is not known both ways are offered. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Badge } from '@/components/badge';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ErrorState } from '@/components/error-state';
import { SecretDialog } from '@/components/secret-dialog';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { beginTotp, meKey, meQuery } from './queries';
import styles from './section.module.css';
import { TotpRemoveDialog } from './totp-remove-dialog';
import { TotpSetUpDialog } from './totp-set-up-dialog';

export function TotpCard() {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const totp = useQuery(meQuery(api)).data?.totp;
  const [removing, setRemoving] = useState(false);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const begin = useMutation({ mutationFn: () => beginTotp(api), gcTime: 0 });
  const confirmed = (made: readonly string[]) => {
    begin.reset(); // forgets the secret
    setCodes(made);
    void queryClient.invalidateQueries({ queryKey: meKey });
  };
  const removed = () => {
    setRemoving(false);
    begin.reset();
    toast('good', t('account.totp.removed'));
    void queryClient.invalidateQueries({ queryKey: meKey });
  };
  return (
    <Card title={t('account.totp')}>
      <div className={styles.section}>
        <p>{t('account.totp.text')}</p>
        {typeof totp === 'boolean' ? (
          <div>
            <Badge tone={totp ? 'good' : 'plain'}>{t(totp ? 'account.totp.on' : 'account.totp.off')}</Badge>
          </div>
        ) : null}
        {begin.isError ? <ErrorState error={begin.error} /> : null}
        <div className={styles.buttons}>
          {totp === true ? null : (
            <Button busy={begin.isPending} onClick={() => begin.mutate()}>
              {t('account.totp.set_up')}
            </Button>
          )}
          {totp === false ? null : (
            <Button onClick={() => setRemoving(true)}>{t('account.totp.remove')}</Button>
          )}
        </div>
      </div>
      {begin.data ? (
        <TotpSetUpDialog enrolment={begin.data} onDone={confirmed} onClose={() => begin.reset()} />
      ) : null}
      {codes ? (
        <SecretDialog
          title={t('account.totp.in_force')}
          label={t('account.totp.codes')}
          secret={codes.join('\n')}
          onClose={() => setCodes(null)}
        >
          <p>{t('account.totp.codes.text')}</p>
        </SecretDialog>
      ) : null}
      {removing ? <TotpRemoveDialog onDone={removed} onClose={() => setRemoving(false)} /> : null}
    </Card>
  );
}
