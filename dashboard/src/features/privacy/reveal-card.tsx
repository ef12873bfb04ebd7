/** What pseudonyms in a conversation stand for, for those who may see it. */

import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { RevealDialog } from '@/components/reveal-dialog';
import { useText } from '@/lib/i18n/context';
import styles from './privacy.module.css';

export function RevealCard() {
  const t = useText();
  const [asking, setAsking] = useState(false);
  return (
    <Card title={t('privacy.pseudonyms')}>
      <div className={styles.part}>
        <p className={styles.soft}>{t('privacy.pseudonyms.hint')}</p>
        <div>
          <Button onClick={() => setAsking(true)}>{t('reveal.open')}</Button>
        </div>
      </div>
      {asking ? <RevealDialog onClose={() => setAsking(false)} /> : null}
    </Card>
  );
}
