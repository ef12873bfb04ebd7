/** How long what is kept. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { Facts } from '@/components/facts';
import { FormDialog } from '@/components/form-dialog';
import { QueryView } from '@/components/query-view';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { Approvals } from './approvals';
import styles from './privacy.module.css';
import { changeRetention, privacyKey, type Retention, retentionQuery } from './queries';

const CLASSES = ['transcripts_days', 'audio_days', 'documents_days'] as const;

export function RetentionCard() {
  const t = useText();
  const query = useQuery(retentionQuery(useApi()));
  const [changing, setChanging] = useState(false);
  const words = (days: number | null | undefined) =>
    typeof days === 'number' ? t('privacy.days', { count: days }) : t('privacy.no_end');
  return (
    <Card title={t('privacy.retention')}>
      <QueryView query={query}>
        {(retention) => (
          <div className={styles.part}>
            <Facts facts={CLASSES.map((one) => [t(`privacy.${one}`), words(retention[one])])} />
            <div>
              <Button onClick={() => setChanging(true)}>{t('privacy.retention.change')}</Button>
            </div>
            <Approvals />
            {changing ? <Change retention={retention} onClose={() => setChanging(false)} /> : null}
          </div>
        )}
      </QueryView>
    </Card>
  );
}

function Change({ retention, onClose }: { readonly retention: Retention; readonly onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const save = (form: FormData) => {
    const days = (name: string) => (form.get(name) ? Number(form.get(name)) : null);
    return changeRetention(api, {
      transcripts_days: days('transcripts_days'),
      audio_days: days('audio_days'),
      documents_days: days('documents_days'),
    });
  };
  const saved = () => {
    toast('good', t('privacy.retention.saved'));
    void queryClient.invalidateQueries({ queryKey: privacyKey });
    onClose();
  };
  return (
    <FormDialog
      title={t('privacy.retention.change')}
      verb={t('privacy.retention.save')}
      busyVerb={t('privacy.saving')}
      danger
      act={save}
      onDone={saved}
      onClose={onClose}
    >
      <p>{t('privacy.retention.text')}</p>
      {CLASSES.map((one) => (
        <TextField
          key={one}
          label={`${t(`privacy.${one}`)} (${t('privacy.in_days')})`}
          name={one}
          type="number"
          min={1}
          max={36_500}
          step={1}
          defaultValue={retention[one] ?? ''}
        />
      ))}
    </FormDialog>
  );
}
