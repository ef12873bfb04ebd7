/** Another password, by the one that holds. It signs the caller out everywhere. */

import { useRouter } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useServices } from '@/lib/services';
import { NewPasswordFields } from './new-password-fields';
import { changePassword } from './queries';
import styles from './section.module.css';

export function PasswordCard() {
  const t = useText();
  const { api, session } = useServices();
  const router = useRouter();
  const [open, setOpen] = useState(false);
  const change = async (form: FormData) => {
    await changePassword(api, String(form.get('current')), String(form.get('password')));
    await session.signOut(); // it has ended already: this makes the page know
  };
  return (
    <Card title={t('account.password')}>
      <div className={styles.section}>
        <p>{t('account.password.text')}</p>
        <div className={styles.buttons}>
          <Button onClick={() => setOpen(true)}>{t('account.password.change')}</Button>
        </div>
      </div>
      {open ? (
        <FormDialog
          title={t('account.password.change')}
          verb={t('account.password.change')}
          busyVerb={t('form.saving')}
          act={change}
          onDone={() => void router.navigate({ to: '/sign-in' })}
          onClose={() => setOpen(false)}
        >
          <TextField
            label={t('account.password.current')}
            name="current"
            type="password"
            autoComplete="current-password"
            maxLength={1024}
            required
          />
          <NewPasswordFields />
        </FormDialog>
      ) : null}
    </Card>
  );
}
