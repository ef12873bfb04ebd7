/** A new password, typed twice. The browser does not send the form while they differ. */

import { type FormEvent, useRef } from 'react';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';

const FEWEST_CHARS = 15;
const MOST_CHARS = 128;

export function NewPasswordFields() {
  const t = useText();
  const first = useRef<HTMLInputElement>(null);
  const second = useRef<HTMLInputElement>(null);
  const compare = (_: FormEvent) => {
    const same = first.current?.value === second.current?.value;
    second.current?.setCustomValidity(same ? '' : t('account.password.differs'));
  };
  const both = {
    type: 'password',
    autoComplete: 'new-password',
    minLength: FEWEST_CHARS,
    maxLength: MOST_CHARS,
    required: true,
    onChange: compare,
  } as const;
  return (
    <>
      <TextField
        {...both}
        ref={first}
        label={t('account.password.new')}
        hint={t('account.password.hint')}
        name="password"
      />
      <TextField {...both} ref={second} label={t('account.password.again')} name="again" />
    </>
  );
}
