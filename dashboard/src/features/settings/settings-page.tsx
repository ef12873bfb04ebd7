/** Every setting that the gateway runs by, to look at: it is changed where the platform runs. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { Notice } from '@/components/notice';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { SelectField } from '@/components/select-field';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { AreaCard } from './area-card';
import { type Settings, settingsQuery } from './queries';
import styles from './settings.module.css';
import { found, SOURCES } from './sought';

const route = getRouteApi('/shell/settings');

export function SettingsPage() {
  const t = useText();
  const query = useQuery(settingsQuery(useApi()));
  return (
    <>
      <PageHeader title={t('settings.title')} lead={t('settings.lead')} />
      <QueryView query={query}>{(settings) => <Found settings={settings} />}</QueryView>
    </>
  );
}

function Found({ settings }: { readonly settings: Settings }) {
  const t = useText();
  const sought = route.useSearch();
  const navigate = route.useNavigate();
  const seek = (changed: Partial<typeof sought>) =>
    void navigate({ search: { ...sought, ...changed }, replace: true, resetScroll: false });
  const areas = found(settings.areas, sought);
  const count = areas.reduce((sum, area) => sum + area.settings.length, 0);
  return (
    <div className={styles.page}>
      <Notice tone="info">
        <p>{t(settings.apart ? 'settings.whose.apart' : 'settings.whose.all')}</p>
      </Notice>
      <HowTo />
      <search className={styles.filters}>
        <TextField
          label={t('settings.search')}
          type="search"
          value={sought.q ?? ''}
          maxLength={100}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          onChange={(event) => seek({ q: event.target.value || undefined })}
        />
        <SelectField
          label={t('settings.area')}
          value={sought.area ?? ''}
          options={[['', t('common.any')], ...settings.areas.map((area) => [area.name, area.name] as const)]}
          onChange={(area) => seek({ area: area || undefined })}
        />
        <SelectField
          label={t('settings.source')}
          value={sought.source ?? ''}
          options={[
            ['', t('common.any')],
            ...SOURCES.map((one) => [one, t(`settings.source.${one}`)] as const),
          ]}
          onChange={(source) => seek({ source: SOURCES.find((one) => one === source) })}
        />
      </search>
      <p role="status" className={styles.soft}>
        {t('settings.found', { count })}
      </p>
      {areas.length === 0 ? (
        <EmptyState
          icon="settings"
          title={t('settings.empty')}
          action={
            <Button onClick={() => seek({ q: undefined, area: undefined, source: undefined })}>
              {t('settings.clear')}
            </Button>
          }
        />
      ) : (
        areas.map((area) => <AreaCard key={area.name} area={area} />)
      )}
    </div>
  );
}

function HowTo() {
  const t = useText();
  return (
    <details className={styles.how} id="how">
      <summary>{t('settings.how')}</summary>
      <ul>
        <li>{t('settings.how.file')}</li>
        <li>{t('settings.how.environment')}</li>
        <li>{t('settings.how.flag')}</li>
      </ul>
      <p>{t('settings.how.then')}</p>
    </details>
  );
}
