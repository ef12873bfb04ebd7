/** Legal holds. The people are kept as keyed hashes alone: their number can be shown, their names cannot. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { AreaField } from '@/components/area-field';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { CheckField } from '@/components/check-field';
import { Facts } from '@/components/facts';
import { FormDialog } from '@/components/form-dialog';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './privacy.module.css';
import { changeHolds, type Holds, holdsQuery, privacyKey } from './queries';

export function HoldsCard() {
  const t = useText();
  const query = useQuery(holdsQuery(useApi()));
  const [changing, setChanging] = useState(false);
  return (
    <Card title={t('privacy.holds')}>
      <QueryView query={query}>
        {(holds) => (
          <div className={styles.part}>
            <Facts
              facts={[
                [t('privacy.holds.everything'), t(holds.everything ? 'privacy.yes' : 'privacy.no')],
                [t('privacy.holds.people'), String(holds.names.length)],
              ]}
            />
            <p className={styles.soft}>{t('privacy.holds.hint')}</p>
            <div>
              <Button onClick={() => setChanging(true)}>{t('privacy.holds.change')}</Button>
            </div>
            {changing ? <Change holds={holds} onClose={() => setChanging(false)} /> : null}
          </div>
        )}
      </QueryView>
    </Card>
  );
}

function Change({ holds, onClose }: { readonly holds: Holds; readonly onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const save = (form: FormData) =>
    changeHolds(api, {
      everything: form.get('everything') !== null,
      subjects: String(form.get('subjects') ?? '')
        .split('\n')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    });
  const saved = () => {
    toast('good', t('privacy.holds.saved'));
    void queryClient.invalidateQueries({ queryKey: privacyKey });
    onClose();
  };
  return (
    <FormDialog
      title={t('privacy.holds.change')}
      verb={t('privacy.holds.replace')}
      busyVerb={t('privacy.saving')}
      danger
      act={save}
      onDone={saved}
      onClose={onClose}
    >
      <p>{t('privacy.holds.text', { count: holds.names.length })}</p>
      <CheckField
        label={t('privacy.holds.everything')}
        name="everything"
        value="on"
        defaultChecked={holds.everything}
      />
      <AreaField
        label={t('privacy.holds.people')}
        hint={t('privacy.holds.people.hint')}
        name="subjects"
        rows={5}
        spellCheck={false}
      />
      {holds.names.length > 0 ? (
        <CheckField label={t('privacy.holds.sure')} name="sure" value="on" required />
      ) : null}
    </FormDialog>
  );
}
