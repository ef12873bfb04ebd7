/** Which records are searched for. They are looked up when the form is sent, and stand in the address. */

import { type FormEvent, useEffect, useId, useRef } from 'react';
import { Button } from '@/components/button';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { present } from '@/lib/search-params';
import { ACTIONS } from './actions';
import styles from './filter-form.module.css';
import { fromField, toField } from './local-moments';
import type { Filters } from './queries';

interface Props {
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
}

const TEXTS = [
  ['action', 100],
  ['subject', 200],
  ['object_id', 300],
  ['request_id', 100],
] as const;
const MOMENTS = ['since', 'until'] as const;

export function FilterForm({ filters, onChange }: Props) {
  const t = useText();
  const known = useId();
  const form = useRef<HTMLFormElement>(null);
  const told = JSON.stringify(filters);
  useEffect(() => {
    if (form.current) fill(form.current, JSON.parse(told));
  }, [told]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget);
    const text = (name: string) => String(typed.get(name) ?? '').trim();
    onChange(
      present({
        ...Object.fromEntries(TEXTS.map(([name]) => [name, text(name) || undefined])),
        ...Object.fromEntries(MOMENTS.map((name) => [name, fromField(text(name))])),
      }),
    );
  };
  return (
    <search>
      <form ref={form} className={styles.filters} onSubmit={submit}>
        {TEXTS.map(([name, most]) => (
          <TextField
            key={name}
            label={t(`audit.filter.${name}`)}
            name={name}
            list={name === 'action' ? known : undefined}
            maxLength={most}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
          />
        ))}
        {MOMENTS.map((name) => (
          <TextField key={name} label={t(`audit.filter.${name}`)} name={name} type="datetime-local" />
        ))}
        <datalist id={known}>
          {ACTIONS.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <div className={styles.buttons}>
          <Button type="submit" kind="primary">
            {t('audit.search')}
          </Button>
          <Button onClick={() => onChange({})}>{t('audit.clear')}</Button>
        </div>
      </form>
    </search>
  );
}

/** When the address changes, by Back too, the fields show what it says, and the focus stays where it is. */
function fill(form: HTMLFormElement, filters: Filters): void {
  const put = (name: string, value: string) => {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement) field.value = value;
  };
  for (const [name] of TEXTS) put(name, filters[name] ?? '');
  for (const name of MOMENTS) put(name, toField(filters[name]));
}
