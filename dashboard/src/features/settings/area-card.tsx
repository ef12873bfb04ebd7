/** Settings that belong together: what each is, what it means, where its value comes from, and how it is written. */

import { Link } from '@tanstack/react-router';
import { Badge } from '@/components/badge';
import { Card } from '@/components/card';
import { Facts } from '@/components/facts';
import { useI18n } from '@/lib/i18n/context';
import type { MessageKey } from '@/lib/i18n/messages';
import type { Area, Setting } from './queries';
import styles from './settings.module.css';

/** Pages where some of it is changed while the platform runs. */
const PAGES: Readonly<Record<string, readonly [to: string, words: MessageKey]>> = {
  llm: ['/providers', 'settings.page.providers'],
  stt: ['/providers', 'settings.page.providers'],
  tts: ['/providers', 'settings.page.providers'],
  embed: ['/providers', 'settings.page.providers'],
  routing: ['/providers', 'settings.page.providers'],
  privacy: ['/privacy', 'settings.page.privacy'],
  limits: ['/analytics', 'settings.page.limits'],
};

export function AreaCard({ area }: { readonly area: Area }) {
  const { t } = useI18n();
  const page = PAGES[area.name];
  return (
    <Card title={area.name}>
      <div className={styles.area}>
        {/* What settings mean is told by the platform, in English alone. */}
        <p className={styles.soft} lang="en">
          {area.meaning}
        </p>
        {page ? (
          <p>
            <Link to={page[0]}>{t(page[1])}</Link>
          </p>
        ) : null}
        <ul className={styles.rows}>
          {area.settings.map((one) => (
            <li key={one.name} className={styles.row}>
              <Row setting={one} />
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

function Row({ setting }: { readonly setting: Setting }) {
  const { t } = useI18n();
  const [area = '', name = ''] = setting.name.split('.');
  return (
    <>
      <div className={styles.about}>
        <h3 className={styles.name}>{setting.name}</h3>
        <p className={styles.soft} lang="en">
          {setting.meaning}
        </p>
      </div>
      <div className={styles.force}>
        <Value setting={setting} />
        <Badge tone={setting.source === 'default' ? 'plain' : 'busy'}>
          {t(`settings.source.${setting.source}`)}
        </Badge>
      </div>
      <details className={styles.more}>
        <summary aria-label={t('settings.change.of', { name: setting.name })}>{t('settings.change')}</summary>
        <Facts
          facts={[
            [t('settings.from'), setting.place ? <code key="place">{setting.place}</code> : null],
            [t('settings.default'), setting.default ? <code key="default">{setting.default}</code> : null],
            [t('settings.source.environment'), <code key="variable">{setting.variable}</code>],
            [t('settings.source.file'), <code key="file">{`[${area}] ${name} = …`}</code>],
            [t('settings.source.flag'), <code key="flag">{`--set ${setting.name}=…`}</code>],
          ]}
        />
      </details>
    </>
  );
}

function Value({ setting }: { readonly setting: Setting }) {
  const { t } = useI18n();
  if (setting.value === null)
    return (
      <span className={styles.soft}>
        {t(setting.is_set ? 'settings.secret.set' : 'settings.secret.unset')}
      </span>
    );
  if (setting.value === '') return <span className={styles.soft}>{t('settings.nothing')}</span>;
  return <code className={styles.value}>{setting.value}</code>;
}
