/** Whose data: a person by id or e-mail address, or a key by its id. */

import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';

export function SubjectField() {
  const t = useText();
  return (
    <TextField
      label={t('privacy.subject')}
      hint={t('privacy.subject.hint')}
      name="subject"
      maxLength={256}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      required
    />
  );
}
