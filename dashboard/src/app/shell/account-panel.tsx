/** Appearance, language, who is signed in, and the way out. */

import { useMutation } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { SelectField } from '@/components/select-field';
import { useI18n } from '@/lib/i18n/context';
import { isLanguage, LANGUAGES } from '@/lib/i18n/messages';
import { problemMessage } from '@/lib/problem-message';
import { SCHEMES, useScheme } from '@/lib/scheme';
import { useCaller, useServices } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './account-panel.module.css';

export function AccountPanel() {
  const { t, language, setLanguage } = useI18n();
  const [scheme, setScheme] = useScheme();
  const caller = useCaller();
  const { session } = useServices();
  const router = useRouter();
  const leave = useMutation({
    mutationFn: () => session.signOut(),
    onSuccess: () => router.navigate({ to: '/sign-in' }),
    onError: (error) => toast('bad', problemMessage(error, t)),
  });
  return (
    <div className={styles.panel}>
      <SelectField
        label={t('app.scheme')}
        value={scheme}
        options={SCHEMES.map((one) => [one, t(`app.scheme.${one}`)])}
        onChange={(value) => setScheme(SCHEMES.find((one) => one === value) ?? 'system')}
      />
      <SelectField
        label={t('app.language')}
        value={language}
        options={Object.entries(LANGUAGES)}
        onChange={(value) => isLanguage(value) && setLanguage(value)}
      />
      <div className={styles.who}>
        {t('app.signed_in_as')}
        <code>{caller?.email ?? caller?.subject}</code>
        <Link to="/account">{t('account.title')}</Link>
      </div>
      <Button busy={leave.isPending} onClick={() => leave.mutate()}>
        <Icon name="leave" />
        {t('app.sign_out')}
      </Button>
    </div>
  );
}
