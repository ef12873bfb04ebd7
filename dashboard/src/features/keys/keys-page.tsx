/** The API keys of the organisation. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { SecretDialog } from '@/components/secret-dialog';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { CreateDialog } from './create-dialog';
import { KeyTable } from './key-table';
import styles from './keys-page.module.css';
import { type Key, type KeyMade, keysKey, keysQuery } from './queries';
import { RevokeDialog } from './revoke-dialog';
import { RotateDialog } from './rotate-dialog';
import { standingOf } from './standing';

type Task = { readonly does: 'create' } | { readonly does: 'rotate' | 'revoke'; readonly key: Key };

const route = getRouteApi('/shell/keys');

export function KeysPage() {
  const t = useText();
  const { show } = route.useSearch();
  const navigate = route.useNavigate();
  const queryClient = useQueryClient();
  const mayWrite = useMay('keys:write');
  const [task, setTask] = useState<Task | null>(null);
  const [made, setMade] = useState<KeyMade | null>(null);
  const now = new Date();
  const query = useQuery({
    ...keysQuery(useApi()),
    select: (keys) => (show ? keys : keys.filter((key) => standingOf(key, now) === 'valid')),
  });
  const done = (key: KeyMade | null) => {
    setTask(null);
    setMade(key);
    void queryClient.invalidateQueries({ queryKey: keysKey });
  };
  const close = () => setTask(null);
  const create = mayWrite ? (
    <Button kind="primary" onClick={() => setTask({ does: 'create' })}>
      {t('keys.create')}
    </Button>
  ) : null;
  return (
    <>
      <PageHeader title={t('keys.title')} lead={t('keys.lead')} actions={create} />
      <search className={styles.filters}>
        <SelectField
          label={t('keys.show')}
          value={show ?? ''}
          options={[
            ['', t('keys.show.valid')],
            ['all', t('keys.show.all')],
          ]}
          onChange={(value) => void navigate({ search: value === 'all' ? { show: 'all' } : {} })}
        />
      </search>
      <QueryView
        query={query}
        isEmpty={(keys) => keys.length === 0}
        empty={<EmptyState icon="keys" title={t('keys.empty')} hint={t('keys.empty.hint')} />}
      >
        {(keys) => (
          <KeyTable
            keys={keys}
            onRotate={(key) => setTask({ does: 'rotate', key })}
            onRevoke={(key) => setTask({ does: 'revoke', key })}
          />
        )}
      </QueryView>
      {task?.does === 'create' ? <CreateDialog onDone={done} onClose={close} /> : null}
      {task?.does === 'rotate' ? <RotateDialog apiKey={task.key} onDone={done} onClose={close} /> : null}
      {task?.does === 'revoke' ? (
        <RevokeDialog apiKey={task.key} onDone={() => done(null)} onClose={close} />
      ) : null}
      {made ? (
        <SecretDialog
          title={t('keys.made', { name: made.name })}
          label={t('keys.secret')}
          secret={made.secret}
          onClose={() => setMade(null)}
        />
      ) : null}
    </>
  );
}
