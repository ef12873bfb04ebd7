/** Who the caller is to the platform. */

import { useQuery } from '@tanstack/react-query';
import { Card } from '@/components/card';
import { Facts } from '@/components/facts';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { meQuery } from './queries';

export function IdentityCard() {
  const t = useText();
  const query = useQuery(meQuery(useApi()));
  return (
    <Card title={t('account.identity')}>
      <QueryView query={query}>
        {(me) => (
          <Facts
            facts={[
              [t('account.email'), me.email],
              [t('account.subject'), <code key="subject">{me.subject}</code>],
              [t('account.tenant'), <code key="tenant">{me.tenant_id}</code>],
            ]}
          />
        )}
      </QueryView>
    </Card>
  );
}
