import { expect, it } from 'vitest';
import { de } from './de/all';
import { en } from './en/all';
import { knownKey, preferred, translator } from './messages';

const slots = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

it('has every string in German, with the same slots', () => {
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    expect(slots(de[key as keyof typeof de]), key).toEqual(slots(text));
  }
});

it('fills slots, and numbers as the language writes them', () => {
  const t = translator(en, 'en');
  expect(t('turn.tokens.value', { prompt: 1200, completion: 3 })).toBe('1,200 in, 3 out');
  expect(translator(de, 'de')('turn.tokens.value', { prompt: 1200, completion: 3 })).toBe(
    '1.200 hinein, 3 heraus',
  );
});

it('knows one from many', () => {
  const t = translator(en, 'en');
  expect(t('health.some_ill', { count: 1 })).toBe('1 service is not ready.');
  expect(t('health.some_ill', { count: 2 })).toBe('2 services are not ready.');
});

it('does not take a slot for what a value says', () => {
  const t = translator(en, 'en');
  expect(t('documents.deleted', { title: '{count} $& <b>' })).toBe('{count} $& <b> is deleted.');
});

it('takes keys from outside only when they are there', () => {
  expect(knownKey('error.network')).toBe('error.network');
  expect(knownKey('error.constructor')).toBeUndefined();
  expect(knownKey('toString')).toBeUndefined();
});

it('speaks the first language that it can', () => {
  expect(preferred(['fr-FR', 'de-AT', 'en'])).toBe('de');
  expect(preferred(['fr'])).toBe('en');
});
