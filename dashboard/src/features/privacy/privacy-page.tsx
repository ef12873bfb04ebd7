/** How long what is kept, what may not be removed, and the erasure of people. */

import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import { ErasuresCard } from './erasures-card';
import { HoldsCard } from './holds-card';
import styles from './privacy.module.css';
import { RetentionCard } from './retention-card';

export function PrivacyPage() {
  const t = useText();
  return (
    <>
      <PageHeader title={t('privacy.title')} lead={t('privacy.lead')} />
      <div className={styles.page}>
        <div className={styles.grid}>
          <RetentionCard />
          <HoldsCard />
        </div>
        <ErasuresCard />
      </div>
    </>
  );
}
