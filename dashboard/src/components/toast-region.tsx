/** Where toasts appear. It stands in the page from the start, so that screen readers hear what comes. */

import { useText } from '@/lib/i18n/context';
import { dismissToast, useToasts } from '@/lib/toasts';
import { Button } from './button';
import { Icon } from './icon';
import { Notice } from './notice';
import styles from './toast-region.module.css';

export function ToastRegion() {
  const t = useText();
  const toasts = useToasts();
  return (
    <section className={styles.region} aria-label={t('common.notices')} aria-live="polite">
      {toasts.map((one) => (
        <div key={one.id} className={styles.toast}>
          <Notice
            tone={one.tone}
            action={
              <Button kind="quiet" aria-label={t('common.dismiss')} onClick={() => dismissToast(one.id)}>
                <Icon name="close" size={16} />
              </Button>
            }
          >
            {one.text}
          </Notice>
        </div>
      ))}
    </section>
  );
}
