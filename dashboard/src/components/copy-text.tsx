/** A text to take along: it can be copied by a button, and marked by hand where the browser does not let scripts copy. */

import { useId, useRef, useState } from 'react';
import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import styles from './copy-text.module.css';

interface Props {
  readonly label: string;
  readonly text: string;
}

/** Of a line in a dialog: how high the field has to be. */
const LINE_CHARS = 50;

export function CopyText({ label, text }: Props) {
  const t = useText();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [told, setTold] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setTold(t('copy.done'));
    } catch {
      // Without TLS, or without leave, there is no clipboard for scripts.
      field.current?.focus();
      setTold(t('copy.by_hand'));
    }
  };
  const rows = text.split('\n').reduce((sum, line) => sum + Math.ceil((line.length || 1) / LINE_CHARS), 0);
  return (
    <div className={styles.copy}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      <textarea
        ref={field}
        id={id}
        className={styles.text}
        rows={rows}
        value={text}
        readOnly
        spellCheck={false}
        onFocus={(event) => event.target.select()}
      />
      <div className={styles.below}>
        <Button onClick={() => void copy()}>{t('copy.verb')}</Button>
        <span role="status">{told}</span>
      </div>
    </div>
  );
}
