/** Where components find the language that is spoken. */

import { createContext, useContext } from 'react';
import type { Language, Translate } from './messages';

export interface I18n {
  readonly language: Language;
  readonly t: Translate;
  readonly setLanguage: (language: Language) => void;
}

export const I18nContext = createContext<I18n | null>(null);

export function useI18n(): I18n {
  const found = useContext(I18nContext);
  if (!found) throw new Error('useI18n stands outside of I18nProvider');
  return found;
}

/** The function that makes a key into text. */
export function useText(): Translate {
  return useI18n().t;
}
