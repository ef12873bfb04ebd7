/** The link with which a person sets their password, shown this once. */

import { Moment } from '@/components/moment';
import { SecretDialog } from '@/components/secret-dialog';
import { useText } from '@/lib/i18n/context';
import type { OneTimeToken } from './queries';

interface Props {
  readonly title: string;
  readonly token: OneTimeToken;
  readonly onClose: () => void;
}

export function TokenDialog({ title, token, onClose }: Props) {
  const t = useText();
  // Behind the #: browsers send that part to no server.
  const link = `${window.location.origin}/password#${token.token}`;
  return (
    <SecretDialog title={title} label={t('users.link')} secret={link} onClose={onClose}>
      <p>
        {t('users.link.expires')} <Moment at={token.expires_at} exact />
      </p>
    </SecretDialog>
  );
}
