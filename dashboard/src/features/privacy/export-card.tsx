/** A copy of everything that is kept of a person, as a file. */

import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { FormDialog } from '@/components/form-dialog';
import { Icon } from '@/components/icon';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { download } from './download';
import styles from './privacy.module.css';
import { exportPerson } from './queries';
import { SubjectField } from './subject-field';

export function ExportCard() {
  const t = useText();
  const api = useApi();
  const [asking, setAsking] = useState(false);
  const taken = async (form: FormData) => {
    const subject = String(form.get('subject') ?? '').trim();
    download(await exportPerson(api, subject), `${subject.replace(/[^A-Za-z0-9_-]/g, '_')}.zip`);
  };
  const done = () => {
    setAsking(false);
    toast('good', t('privacy.export.done'));
  };
  return (
    <Card title={t('privacy.export')}>
      <div className={styles.part}>
        <p className={styles.soft}>{t('privacy.export.hint')}</p>
        <div>
          <Button onClick={() => setAsking(true)}>
            <Icon name="download" />
            {t('privacy.export.open')}
          </Button>
        </div>
      </div>
      {asking ? (
        <FormDialog
          title={t('privacy.export.open')}
          verb={t('privacy.export.do')}
          busyVerb={t('privacy.export.busy')}
          act={taken}
          onDone={done}
          onClose={() => setAsking(false)}
        >
          <p>{t('privacy.export.text')}</p>
          <SubjectField />
        </FormDialog>
      ) : null}
    </Card>
  );
}
