/** How long what is kept, what may not be removed, what is known of a person, and the erasure of people. */

import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import { useMay } from '@/lib/services';
import { ErasuresCard } from './erasures-card';
import { ExportCard } from './export-card';
import { HoldsCard } from './holds-card';
import styles from './privacy.module.css';
import { RetentionCard } from './retention-card';
import { RevealCard } from './reveal-card';

export function PrivacyPage() {
  const t = useText();
  const mayReveal = useMay('pii:reveal');
  return (
    <>
      <PageHeader title={t('privacy.title')} lead={t('privacy.lead')} />
      <div className={styles.page}>
        <div className={styles.grid}>
          <RetentionCard />
          <HoldsCard />
        </div>
        <div className={styles.grid}>
          <ExportCard />
          {mayReveal ? <RevealCard /> : null}
        </div>
        <ErasuresCard />
      </div>
    </>
  );
}
