/** One person: who they are, and what can be done. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { BackLink } from '@/components/back-link';
import { Card } from '@/components/card';
import { Facts } from '@/components/facts';
import { Moment } from '@/components/moment';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { type Person, userQuery } from './queries';
import { StandingBadge } from './standing-badge';
import { UserActions } from './user-actions';

const route = getRouteApi('/shell/users/$userId');

export function DetailPage() {
  const t = useText();
  const { userId } = route.useParams();
  const query = useQuery(userQuery(useApi(), userId));
  return (
    <>
      <BackLink to="/users">{t('users.title')}</BackLink>
      <PageHeader
        title={query.data?.email ?? t('users.detail.title')}
        actions={query.data ? <UserActions person={query.data} /> : null}
      />
      <QueryView query={query}>{(person) => <About person={person} />}</QueryView>
    </>
  );
}

function About({ person }: { readonly person: Person }) {
  const t = useText();
  return (
    <Card title={t('users.about')}>
      <Facts
        facts={[
          [t('users.column.email'), person.email],
          [t('users.column.role'), person.role],
          [t('users.column.standing'), <StandingBadge key="standing" person={person} />],
          [t('users.column.added'), <Moment key="added" at={person.created_at} exact />],
          [t('users.id'), <code key="id">{person.user_id}</code>],
        ]}
      />
    </Card>
  );
}
