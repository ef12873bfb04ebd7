/** Any of several, to tick, under one legend. Part of a form: `FormData.getAll(name)` tells what is ticked. */

import { useId } from 'react';
import styles from './tick-list.module.css';

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly hint?: string | undefined;
}

interface Props {
  readonly legend: string;
  readonly hint?: string;
  readonly name: string;
  readonly choices: readonly Choice[];
  /** Ticked at first. */
  readonly ticked: readonly string[];
  /** In place of the list when there is nothing to tick. */
  readonly none: string;
}

export function TickList({ legend, hint, name, choices, ticked, none }: Props) {
  const id = useId();
  return (
    <fieldset className={styles.list} aria-describedby={hint ? `${id}-hint` : undefined}>
      <legend className={styles.legend}>{legend}</legend>
      {hint ? (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      ) : null}
      {choices.length === 0 ? <p className={styles.hint}>{none}</p> : null}
      {choices.map((one, index) => (
        <div key={one.value} className={styles.choice}>
          <input
            type="checkbox"
            id={`${id}-${index}`}
            name={name}
            value={one.value}
            defaultChecked={ticked.includes(one.value)}
            aria-describedby={one.hint ? `${id}-${index}-hint` : undefined}
          />
          <label htmlFor={`${id}-${index}`}>{one.label}</label>
          {one.hint ? (
            <span id={`${id}-${index}-hint`} className={styles.hint}>
              {one.hint}
            </span>
          ) : null}
        </div>
      ))}
    </fieldset>
  );
}
