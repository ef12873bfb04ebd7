/** Asks whom to erase, and once more whether that is meant: nothing brings a person back. */

import { useState } from 'react';
import { CheckField } from '@/components/check-field';
import { FormDialog } from '@/components/form-dialog';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { erase } from './queries';
import { SubjectField } from './subject-field';

const DOCUMENTS = ['delete', 'keep'] as const;

interface Props {
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function EraseDialog({ onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const [documents, setDocuments] = useState('');
  const act = (form: FormData) =>
    erase(api, {
      subject: String(form.get('subject') ?? '').trim(),
      documents: DOCUMENTS.find((one) => one === documents) ?? null,
    });
  return (
    <FormDialog
      title={t('privacy.erase')}
      verb={t('privacy.erase.do')}
      busyVerb={t('privacy.erase.busy')}
      danger
      act={act}
      onDone={onDone}
      onClose={onClose}
    >
      <p>{t('privacy.erase.text')}</p>
      <SubjectField />
      <SelectField
        label={t('privacy.erasure.documents')}
        value={documents}
        options={[
          ['', t('privacy.documents.default')],
          ...DOCUMENTS.map((one) => [one, t(`privacy.documents.${one}`)] as const),
        ]}
        onChange={setDocuments}
      />
      <CheckField label={t('privacy.erase.sure')} name="sure" value="on" required />
    </FormDialog>
  );
}
