/** How the caller signs in, and where they are signed in. */

import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import styles from './account-page.module.css';
import { IdentityCard } from './identity-card';
import { PasswordCard } from './password-card';
import { SessionsCard } from './sessions-card';
import { TotpCard } from './totp-card';

export function AccountPage() {
  const t = useText();
  return (
    <>
      <PageHeader title={t('account.title')} lead={t('account.lead')} />
      <div className={styles.cards}>
        <IdentityCard />
        <SessionsCard />
        <PasswordCard />
        <TotpCard />
      </div>
    </>
  );
}
