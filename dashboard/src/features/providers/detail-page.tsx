/** One provider: how it does, what it can, and its settings. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { BackLink } from '@/components/back-link';
import { Card } from '@/components/card';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { ProviderActions } from './provider-actions';
import { AbilityFacts, HealthFacts, RuleFacts } from './provider-facts';
import styles from './providers.module.css';
import { providersQuery } from './queries';
import { StateBadge } from './state-badge';

const route = getRouteApi('/shell/providers/$name');

export function DetailPage() {
  const t = useText();
  const { name } = route.useParams();
  const query = useQuery(providersQuery(useApi()));
  const mayWrite = useMay('settings:write');
  return (
    <>
      <BackLink to="/providers">{t('providers.title')}</BackLink>
      <QueryView
        query={query}
        isEmpty={(providers) => !providers.some((one) => one.name === name)}
        empty={<EmptyState icon="providers" title={t('providers.gone')} alone />}
      >
        {(providers) =>
          providers
            .filter((one) => one.name === name)
            .map((one) => (
              <div key={one.name}>
                <PageHeader title={one.name} lead={<StateBadge provider={one} />} />
                {mayWrite ? <ProviderActions provider={one} /> : null}
                <div className={styles.grid}>
                  <div className={styles.column}>
                    <Card title={t('providers.health')}>
                      <HealthFacts provider={one} />
                    </Card>
                    <Card title={t('providers.abilities')}>
                      <AbilityFacts provider={one} />
                    </Card>
                  </div>
                  <Card title={t('providers.settings')}>
                    <RuleFacts provider={one} />
                  </Card>
                </div>
              </div>
            ))
        }
      </QueryView>
    </>
  );
}
