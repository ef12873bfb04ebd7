/** The secret for the authenticator app, and the first code that puts it in force. */

import { CopyText } from '@/components/copy-text';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { QrCode } from './qr-code';
import { confirmTotp, type Enrolment } from './queries';

interface Props {
  readonly enrolment: Enrolment;
  readonly onDone: (recoveryCodes: readonly string[]) => void;
  readonly onClose: () => void;
}

export function TotpSetUpDialog({ enrolment, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  return (
    <FormDialog
      title={t('account.totp.set_up')}
      verb={t('account.totp.confirm')}
      busyVerb={t('form.saving')}
      act={(form) => confirmTotp(api, String(form.get('code')).trim())}
      onDone={onDone}
      onClose={onClose}
    >
      <p>{t('account.totp.how')}</p>
      <QrCode text={enrolment.uri} label={t('account.totp.qr')} />
      <CopyText label={t('account.totp.secret')} text={enrolment.secret} />
      <CopyText label={t('account.totp.uri')} text={enrolment.uri} />
      <TextField
        label={t('account.totp.code')}
        hint={t('account.totp.code.hint')}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        minLength={6}
        maxLength={32}
        required
      />
    </FormDialog>
  );
}
