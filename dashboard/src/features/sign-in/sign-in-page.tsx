/** The page on which a person signs in. */

import { getRouteApi, useRouter } from '@tanstack/react-router';
import { ApiProblem } from '@/api/problem';
import { Notice } from '@/components/notice';
import { ProblemText } from '@/components/problem-text';
import { useText } from '@/lib/i18n/context';
import { ProviderLink } from './provider-link';
import { SignInForm } from './sign-in-form';
import styles from './sign-in-page.module.css';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const t = useText();
  const router = useRouter();
  const { to, failed } = route.useSearch();
  const leave = () => router.navigate({ href: to ?? '/', replace: true });
  return (
    <main className={styles.page}>
      <div className={styles.box}>
        <header className={styles.head}>
          <img src="/icon.svg" alt="" width="48" height="48" />
          <h1>{t('sign_in.title')}</h1>
          <p className={styles.lead}>{to ? t('sign_in.ended') : t('sign_in.lead')}</p>
        </header>
        <div className={styles.card}>
          {failed ? (
            <Notice tone="bad">
              <ProblemText
                error={new ApiProblem({ status: 401, code: failed, detail: t('error.oidc_failed') })}
              />
            </Notice>
          ) : null}
          <SignInForm onDone={leave} />
          <ProviderLink />
        </div>
      </div>
    </main>
  );
}
