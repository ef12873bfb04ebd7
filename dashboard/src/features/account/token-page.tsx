/** Sets a password by the token of an invitation or a reset. The token is taken out of the address at once. */

import { useMutation } from '@tanstack/react-query';
import { Link, useLocation, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { LonePage } from '@/components/lone-page';
import { Notice } from '@/components/notice';
import { ProblemText } from '@/components/problem-text';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { NewPasswordFields } from './new-password-fields';
import { acceptPassword } from './queries';
import styles from './token-page.module.css';

export function TokenPage() {
  const t = useText();
  const api = useApi();
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [token, setToken] = useState(hash);
  useEffect(() => {
    if (!hash) return;
    setToken(hash);
    void navigate({ to: '/password', replace: true });
  }, [hash, navigate]);
  const accept = useMutation({
    mutationFn: (form: FormData) =>
      acceptPassword(api, token || String(form.get('token')).trim(), String(form.get('password'))),
    gcTime: 0,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!accept.isPending) accept.mutate(new FormData(event.currentTarget));
  };
  const isInvited = token.startsWith('vi_');
  return (
    <LonePage>
      <div className={styles.box}>
        <h1>{isInvited ? t('account.token.invited') : t('account.token.title')}</h1>
        {accept.isSuccess ? (
          <>
            <Notice tone="good">{t('account.token.done')}</Notice>
            <Link className={buttonClass('primary')} to="/sign-in">
              {t('sign_in.title')}
            </Link>
          </>
        ) : (
          <form className={styles.form} onSubmit={submit}>
            {accept.isError ? (
              <Notice tone="bad">
                <ProblemText error={accept.error} />
              </Notice>
            ) : null}
            {token ? null : (
              <TextField
                label={t('account.token.field')}
                hint={t('account.token.hint')}
                name="token"
                autoComplete="off"
                spellCheck={false}
                maxLength={256}
                required
              />
            )}
            <NewPasswordFields />
            <Button type="submit" kind="primary" busy={accept.isPending}>
              {accept.isPending ? t('form.saving') : t('account.token.submit')}
            </Button>
          </form>
        )}
      </div>
    </LonePage>
  );
}
