/** Keys, languages and how a message becomes text. Pure; React stands beside. */

import { en } from './en/all';

type Key = keyof typeof en;
/** A key that may stand in code: `x.one` and `x.other` are asked for as `x`, with a count. */
export type MessageKey = Key extends infer K ? (K extends `${infer Stem}.one` ? Stem | K : K) : never;
export type Messages = Readonly<Record<Key, string>>;
export type Values = Readonly<Record<string, string | number>>;
export type Translate = (key: MessageKey, values?: Values) => string;

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

export function isLanguage(value: unknown): value is Language {
  return typeof value === 'string' && Object.hasOwn(LANGUAGES, value);
}

/** The first language of the list that we speak; English when none is. */
export function preferred(wanted: readonly string[]): Language {
  return wanted.map((one) => one.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en';
}

/** The strings of a language; those that are not English are a chunk of their own. */
export async function loadMessages(language: Language): Promise<Messages> {
  return language === 'de' ? (await import('./de/all')).de : en;
}

export function translator(messages: Messages, language: Language): Translate {
  const plural = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (key, values = {}) => {
    const message = lookUp(messages, key, values, plural);
    return message.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      return typeof value === 'number' ? numbers.format(value) : (value ?? whole);
    });
  };
}

/** The message for a key that came from outside, such as an error's code; undefined when there is none. */
export function knownKey(key: string): MessageKey | undefined {
  return Object.hasOwn(en, key) ? (key as MessageKey) : undefined;
}

function lookUp(messages: Messages, key: MessageKey, values: Values, plural: Intl.PluralRules): string {
  const count = values.count;
  if (typeof count === 'number') {
    const form = `${key}.${plural.select(count) === 'one' ? 'one' : 'other'}`;
    if (Object.hasOwn(messages, form)) return messages[form as Key];
  }
  return messages[key as Key];
}
