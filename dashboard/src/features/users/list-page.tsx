/** Everybody of the organisation. */

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { EmptyState } from '@/components/empty-state';
import { Moment } from '@/components/moment';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import { useApi, useCaller, useMay } from '@/lib/services';
import { AddDialog } from './add-dialog';
import { type OneTimeToken, type Person, usersQuery } from './queries';
import { StandingBadge } from './standing-badge';
import { TokenDialog } from './token-dialog';

export function ListPage() {
  const t = useText();
  const query = useQuery(usersQuery(useApi()));
  const mayWrite = useMay('users:write');
  const [adding, setAdding] = useState(false);
  const [invitation, setInvitation] = useState<OneTimeToken | null>(null);
  const added = (token: OneTimeToken | null) => {
    setAdding(false);
    setInvitation(token);
  };
  const actions = (
    <>
      <Link className={buttonClass()} to="/roles">
        {t('roles.title')}
      </Link>
      {mayWrite ? (
        <Button kind="primary" onClick={() => setAdding(true)}>
          {t('users.add')}
        </Button>
      ) : null}
    </>
  );
  return (
    <>
      <PageHeader title={t('users.title')} lead={t('users.lead')} actions={actions} />
      <QueryView
        query={query}
        isEmpty={(people) => people.length === 0}
        empty={<EmptyState icon="people" title={t('users.empty')} hint={t('users.empty.hint')} />}
      >
        {(people) => <People people={people} />}
      </QueryView>
      {adding ? <AddDialog onDone={added} onClose={() => setAdding(false)} /> : null}
      {invitation ? (
        <TokenDialog
          title={t('users.invitation.title')}
          token={invitation}
          onClose={() => setInvitation(null)}
        />
      ) : null}
    </>
  );
}

function People({ people }: { readonly people: readonly Person[] }) {
  const t = useText();
  const caller = useCaller();
  const columns: readonly Column<Person>[] = [
    {
      key: 'email',
      label: t('users.column.email'),
      cell: (one) => (
        <Link to="/users/$userId" params={{ userId: one.user_id }}>
          {one.email}
        </Link>
      ),
    },
    {
      key: 'role',
      label: t('users.column.role'),
      cell: (one) => (one.user_id === caller?.subject ? `${one.role} ${t('users.you')}` : one.role),
    },
    { key: 'standing', label: t('users.column.standing'), cell: (one) => <StandingBadge person={one} /> },
    { key: 'added', label: t('users.column.added'), cell: (one) => <Moment at={one.created_at} /> },
  ];
  return <Table caption={t('users.title')} columns={columns} rows={people} rowKey={(one) => one.user_id} />;
}
