/** Asking in writing during a call. */

import { type FormEvent, useState } from 'react';
import { Button } from '@/components/button';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import styles from './write-form.module.css';

const MOST_CHARS = 4000;

interface Props {
  readonly disabled: boolean;
  readonly onSend: (text: string) => void;
}

export function WriteForm({ disabled, onSend }: Props) {
  const t = useText();
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '' || disabled) return;
    onSend(text.trim());
    setText('');
  };
  return (
    <form className={styles.form} autoComplete="off" onSubmit={submit}>
      <TextField
        label={t('talk.write')}
        name="text"
        value={text}
        maxLength={MOST_CHARS}
        onChange={(event) => setText(event.target.value)}
      />
      <Button type="submit" kind="primary" disabled={disabled}>
        {t('talk.send')}
      </Button>
    </form>
  );
}
