/** Which rights: a box for each, sent as `scopes`. Those that the caller lacks cannot be given. */

import { useEffect, useRef } from 'react';
import { SCOPES } from '@/api/scopes';
import { useText } from '@/lib/i18n/context';
import { useCaller } from '@/lib/services';
import { CheckField } from './check-field';
import styles from './scope-picker.module.css';

interface Props {
  readonly legend: string;
  readonly chosen?: readonly string[];
}

export function ScopePicker({ legend, chosen = [] }: Props) {
  const t = useText();
  const own = useCaller()?.scopes;
  const group = useRef<HTMLFieldSetElement>(null);
  const check = () => {
    const boxes = [...(group.current?.querySelectorAll<HTMLInputElement>('input:enabled') ?? [])];
    boxes[0]?.setCustomValidity(boxes.some((one) => one.checked) ? '' : t('scopes.none'));
  };
  // Each time: the words of the browser's hint are those of the language that is spoken now.
  useEffect(check);
  return (
    <fieldset ref={group} className={styles.scopes} onChange={check}>
      <legend>{legend}</legend>
      {SCOPES.map((scope) => (
        <CheckField
          key={scope}
          name="scopes"
          value={scope}
          defaultChecked={chosen.includes(scope)}
          disabled={!own?.has(scope)}
          label={<code>{scope}</code>}
          hint={t(`scope.${scope}`)}
        />
      ))}
    </fieldset>
  );
}
