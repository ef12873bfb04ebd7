/** Does without the authenticator app, by the password and a code. */

import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { removeTotp } from './queries';

interface Props {
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function TotpRemoveDialog({ onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  return (
    <FormDialog
      title={t('account.totp.remove')}
      verb={t('account.totp.remove.verb')}
      busyVerb={t('form.saving')}
      danger
      act={(form) => removeTotp(api, String(form.get('password')), String(form.get('code')).trim())}
      onDone={onDone}
      onClose={onClose}
    >
      <p>{t('account.totp.remove.text')}</p>
      <TextField
        label={t('account.password.current')}
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={1024}
        required
      />
      <TextField
        label={t('account.totp.code')}
        hint={t('sign_in.code.hint')}
        name="code"
        autoComplete="one-time-code"
        minLength={6}
        maxLength={32}
        required
      />
    </FormDialog>
  );
}
