/** Where the caller is signed in; any of it can be ended. Ending that of this browser is signing out. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useState } from 'react';
import { Badge } from '@/components/badge';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { EmptyState } from '@/components/empty-state';
import { Moment } from '@/components/moment';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { useText } from '@/lib/i18n/context';
import { knownKey } from '@/lib/i18n/messages';
import { useServices } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { endSession, type SessionShown, sessionsKey, sessionsQuery } from './queries';
import styles from './section.module.css';

export function SessionsCard() {
  const t = useText();
  const { api, session } = useServices();
  const router = useRouter();
  const queryClient = useQueryClient();
  const query = useQuery(sessionsQuery(api));
  const [leaving, setLeaving] = useState<SessionShown | null>(null);
  const end = (one: SessionShown) => (one.current ? session.signOut() : endSession(api, one.session_id));
  const ended = () => {
    if (leaving?.current) {
      void router.navigate({ to: '/sign-in' });
      return;
    }
    setLeaving(null);
    toast('good', t('account.session.ended'));
    void queryClient.invalidateQueries({ queryKey: sessionsKey });
  };
  return (
    <Card title={t('account.sessions')}>
      <div className={styles.section}>
        <p>{t('account.sessions.text')}</p>
        <QueryView
          query={query}
          isEmpty={(sessions) => sessions.length === 0}
          empty={<EmptyState title={t('account.sessions.empty')} />}
        >
          {(sessions) => <Sessions sessions={sessions} onEnd={setLeaving} />}
        </QueryView>
      </div>
      {leaving ? (
        <ConfirmDialog
          title={t(leaving.current ? 'app.sign_out' : 'account.session.end.title')}
          verb={t(leaving.current ? 'app.sign_out' : 'account.session.end')}
          busyVerb={t('form.saving')}
          act={() => end(leaving)}
          onDone={ended}
          onClose={() => setLeaving(null)}
        >
          <p>
            {t('account.session.begun')} <Moment at={leaving.created_at} exact />
          </p>
          <p>{t(leaving.current ? 'account.session.end.here' : 'account.session.end.text')}</p>
        </ConfirmDialog>
      ) : null}
    </Card>
  );
}

interface SessionsProps {
  readonly sessions: readonly SessionShown[];
  readonly onEnd: (session: SessionShown) => void;
}

function Sessions({ sessions, onEnd }: SessionsProps) {
  const t = useText();
  const nameOf = (method: string) => {
    const key = knownKey(`account.method.${method}`);
    return key ? t(key) : method;
  };
  const columns: readonly Column<SessionShown>[] = [
    {
      key: 'begun',
      label: t('account.session.begun'),
      cell: (one) => (
        <span className={styles.session}>
          <strong>
            <Moment at={one.created_at} exact />
          </strong>
          {one.current ? <Badge tone="good">{t('account.session.current')}</Badge> : null}
        </span>
      ),
    },
    { key: 'method', label: t('account.session.method'), cell: (one) => nameOf(one.method) },
    {
      key: 'ends',
      label: t('account.session.ends'),
      cell: (one) => <Moment at={one.expires_at} exact />,
    },
    {
      key: 'actions',
      label: t('account.session.actions'),
      cell: (one) => (
        <Button
          aria-label={one.current ? undefined : t('account.session.end.title')}
          onClick={() => onEnd(one)}
        >
          {t(one.current ? 'app.sign_out' : 'account.session.end')}
        </Button>
      ),
    },
  ];
  return (
    <Table
      caption={t('account.sessions')}
      columns={columns}
      rows={sessions}
      rowKey={(one) => one.session_id}
    />
  );
}
