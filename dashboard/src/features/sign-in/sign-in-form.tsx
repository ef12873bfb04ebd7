/** E-mail and password; the code of the authenticator app once the gateway asks for it. */

import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef } from 'react';
import { ApiProblem } from '@/api/problem';
import { Button } from '@/components/button';
import { Notice } from '@/components/notice';
import { ProblemText } from '@/components/problem-text';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useServices } from '@/lib/services';
import styles from './sign-in-form.module.css';

const OF_SECOND_FACTOR = new Set(['second_factor_needed', 'second_factor_wrong']);

export function SignInForm({ onDone }: { readonly onDone: () => void }) {
  const t = useText();
  const { session } = useServices();
  const signIn = useMutation({ mutationFn: session.signIn.bind(session), onSuccess: onDone });
  const code = signIn.error instanceof ApiProblem ? signIn.error.code : '';
  const asked = useSticky(OF_SECOND_FACTOR.has(code));
  const codeField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asked) codeField.current?.focus();
  }, [asked]);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (signIn.isPending) return;
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '');
    signIn.mutate({ email: text('email').trim(), password: text('password'), code: text('code').trim() });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      {signIn.isError ? (
        <Notice tone={code === 'second_factor_needed' ? 'info' : 'bad'}>
          {code === 'second_factor_needed' ? (
            t('error.second_factor_needed')
          ) : (
            <ProblemText error={signIn.error} />
          )}
        </Notice>
      ) : null}
      <TextField
        label={t('sign_in.email')}
        name="email"
        type="text"
        inputMode="email"
        autoComplete="username"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={256}
        required
      />
      <TextField
        label={t('sign_in.password')}
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={1024}
        required
      />
      {asked ? (
        <TextField
          ref={codeField}
          label={t('sign_in.code')}
          hint={t('sign_in.code.hint')}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={32}
          required
        />
      ) : null}
      <Button type="submit" kind="primary" busy={signIn.isPending}>
        {signIn.isPending ? t('sign_in.busy') : t('sign_in.submit')}
      </Button>
    </form>
  );
}

/** True from the first time on that `now` is. */
function useSticky(now: boolean): boolean {
  const ever = useRef(false);
  ever.current ||= now;
  return ever.current;
}
