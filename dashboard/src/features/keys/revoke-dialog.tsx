/** Asks before an API key is ended for good. */

import { ConfirmDialog } from '@/components/confirm-dialog';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { type Key, revokeKey } from './queries';

interface Props {
  readonly apiKey: Key;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function RevokeDialog({ apiKey, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const done = () => {
    toast('good', t('keys.revoked.done', { name: apiKey.name }));
    onDone();
  };
  return (
    <ConfirmDialog
      title={t('keys.revoke.title')}
      verb={t('keys.revoke')}
      busyVerb={t('form.saving')}
      act={() => revokeKey(api, apiKey.key_id)}
      onDone={done}
      onClose={onClose}
    >
      <p>
        <strong>{apiKey.name}</strong> <code>{apiKey.prefix}…</code>
      </p>
      <p>{t('keys.revoke.text')}</p>
    </ConfirmDialog>
  );
}
