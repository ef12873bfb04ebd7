/** A yes or no of a form, with its label, and a hint that belongs to it. */

import { type InputHTMLAttributes, type ReactNode, useId } from 'react';
import styles from './check-field.module.css';

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement>, 'id' | 'type'> {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
}

export function CheckField({ label, hint, ...rest }: Props) {
  const id = useId();
  return (
    <div className={styles.check}>
      <input {...rest} id={id} type="checkbox" aria-describedby={hint ? `${id}-hint` : undefined} />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint ? (
          <span id={`${id}-hint`} className={styles.hint}>
            {hint}
          </span>
        ) : null}
      </div>
    </div>
  );
}
