/** Turns pseudonyms of a conversation back, on record, and shows what they stand for until it closes. Nothing of it is kept. */

import { useState } from 'react';
import { bodyOf } from '@/api/client';
import type { components } from '@/api/generated/schema';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { AreaField } from './area-field';
import { Button } from './button';
import { CheckField } from './check-field';
import { Dialog } from './dialog';
import { Facts } from './facts';
import { FormDialog } from './form-dialog';
import { Notice } from './notice';
import { pseudonymsIn } from './pseudonyms';
import { TextField } from './text-field';

interface Props {
  /** Of which the pseudonyms are; it is asked for when it is not known. */
  readonly conversationId?: string;
  /** Those to turn back, as far as they are known. */
  readonly pseudonyms?: readonly string[];
  readonly onClose: () => void;
}

interface Shown {
  readonly asked: readonly string[];
  readonly originals: components['schemas']['Revealed']['originals'];
}

export function RevealDialog({ conversationId, pseudonyms = [], onClose }: Props) {
  const t = useText();
  const api = useApi();
  const [shown, setShown] = useState<Shown | null>(null);
  const reveal = async (form: FormData): Promise<Shown> => {
    const typed = (name: string) => String(form.get(name) ?? '').trim();
    const asked = pseudonymsIn([typed('pseudonyms')]);
    const body = {
      conversation_id: conversationId ?? typed('conversation'),
      pseudonyms: [...asked],
      reason: typed('reason'),
    };
    return { asked, ...(await bodyOf(api.POST('/api/v1/privacy/reveal', { body }))) };
  };
  if (shown) return <Originals shown={shown} onClose={onClose} />;
  return (
    <FormDialog
      title={t('reveal.open')}
      verb={t('reveal.do')}
      busyVerb={t('reveal.busy')}
      danger
      act={reveal}
      onDone={setShown}
      onClose={onClose}
    >
      <Notice tone="info">{t('reveal.audited')}</Notice>
      {conversationId === undefined ? (
        <TextField
          label={t('reveal.conversation')}
          name="conversation"
          maxLength={64}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          required
        />
      ) : null}
      <PseudonymsField known={pseudonyms} />
      <TextField
        label={t('reveal.reason')}
        hint={t('reveal.reason.hint')}
        name="reason"
        maxLength={200}
        autoComplete="off"
        required
      />
      <CheckField label={t('reveal.sure')} name="sure" value="on" required />
    </FormDialog>
  );
}

/** The browser does not send the form while no pseudonym stands in the field. */
function PseudonymsField({ known }: { readonly known: readonly string[] }) {
  const t = useText();
  return (
    <AreaField
      label={t('reveal.pseudonyms')}
      hint={t('reveal.pseudonyms.hint')}
      name="pseudonyms"
      rows={Math.min(6, Math.max(2, known.length))}
      defaultValue={known.join('\n')}
      autoComplete="off"
      spellCheck={false}
      required
      onInput={({ currentTarget: field }) =>
        field.setCustomValidity(pseudonymsIn([field.value]).length > 0 ? '' : t('reveal.pseudonyms.none'))
      }
    />
  );
}

function Originals({ shown, onClose }: { readonly shown: Shown; readonly onClose: () => void }) {
  const t = useText();
  return (
    <Dialog
      title={t('reveal.shown')}
      onClose={onClose}
      actions={
        <Button kind="primary" autoFocus onClick={onClose}>
          {t('common.close')}
        </Button>
      }
    >
      <Notice tone="info">{t('reveal.shown.text')}</Notice>
      <Facts
        facts={shown.asked.map((one) => [
          one,
          shown.originals[one] ?? <em key="none">{t('reveal.shown.none')}</em>,
        ])}
      />
    </Dialog>
  );
}
