/** The way to the identity provider, where the platform has one. */

import { buttonClass } from '@/components/button-class';
import { useText } from '@/lib/i18n/context';
import { useServices } from '@/lib/services';
import styles from './provider-link.module.css';

export function ProviderLink() {
  const t = useText();
  const { session, oidc } = useServices();
  if (!oidc) return null;
  return (
    <p className={styles.provider}>
      <a className={buttonClass()} href={`${session.gateway}/api/v1/auth/oidc/start`}>
        {t('sign_in.oidc')}
      </a>
    </p>
  );
}
