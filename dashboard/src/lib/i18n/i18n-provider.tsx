/** Gives the language to what stands inside, and changes it. */

import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { I18nContext } from './context';
import { type Language, loadMessages, type Messages, translator } from './messages';

interface Props {
  readonly language: Language;
  readonly messages: Messages;
  readonly onChange?: (language: Language) => void;
  readonly children: ReactNode;
}

interface Spoken {
  readonly language: Language;
  readonly messages: Messages;
}

export function I18nProvider({ language, messages, onChange, children }: Props) {
  const [spoken, setSpoken] = useState<Spoken>({ language, messages });

  useEffect(() => {
    document.documentElement.lang = spoken.language;
  }, [spoken.language]);

  const value = useMemo(
    () => ({
      language: spoken.language,
      t: translator(spoken.messages, spoken.language),
      setLanguage: (wanted: Language) => {
        void loadMessages(wanted).then((loaded) => {
          setSpoken({ language: wanted, messages: loaded });
          onChange?.(wanted);
        });
      },
    }),
    [spoken, onChange],
  );
  return <I18nContext value={value}>{children}</I18nContext>;
}
