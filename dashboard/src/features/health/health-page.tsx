/** All services at a glance, asked anew every few seconds while the page is looked at. */

import { useQuery } from '@tanstack/react-query';
import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { Moment } from '@/components/moment';
import { Notice } from '@/components/notice';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { EventsCard } from './events-card';
import styles from './health-page.module.css';
import { dashboardHealthQuery, type Health, healthQuery, type ServiceHealth } from './queries';
import { ServiceCard } from './service-card';

export function HealthPage() {
  const t = useText();
  const query = useQuery(healthQuery(useApi()));
  const own = useQuery(dashboardHealthQuery());
  const mayRead = useMay('settings:read');
  const refresh = (
    <Button busy={query.isFetching} onClick={() => void Promise.all([query.refetch(), own.refetch()])}>
      <Icon name="refresh" />
      {t('common.refresh')}
    </Button>
  );
  return (
    <>
      <PageHeader title={t('health.title')} lead={t('health.lead')} actions={refresh} />
      <QueryView query={query}>
        {(health) => <Services health={health} dashboard={own.data} checkedAt={query.dataUpdatedAt} />}
      </QueryView>
      {mayRead ? <EventsCard /> : null}
    </>
  );
}

interface Props {
  readonly health: Health;
  readonly dashboard: ServiceHealth | undefined;
  readonly checkedAt: number;
}

function Services({ health, dashboard, checkedAt }: Props) {
  const t = useText();
  const services = Object.entries(health.services).concat(dashboard ? [['dashboard', dashboard]] : []);
  const ill = services.filter(([, one]) => one.status !== 'ok').length;
  return (
    <div className={styles.stack}>
      <Notice tone={ill ? 'bad' : 'good'}>
        {ill ? t('health.some_ill', { count: ill }) : t('health.all_well')}
      </Notice>
      {health.outbound_held ? (
        <Notice tone="info">{t('health.held', { reason: health.outbound_held })}</Notice>
      ) : null}
      <div className={styles.grid}>
        {services.map(([name, one]) => (
          <ServiceCard key={name} name={name} health={one} />
        ))}
      </div>
      <p className={styles.foot}>
        {health.version ? <span>{t('health.version', { version: health.version })}</span> : null}
        <span>
          {t('health.updated')} <Moment at={new Date(checkedAt).toISOString()} exact />
        </span>
      </p>
    </div>
  );
}
