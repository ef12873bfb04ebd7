/** The built-in roles, and those of the organisation's own. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { deleteRole, peopleKey, type Role, rolesQuery } from './queries';
import { RoleForm } from './role-form';
import { RoleTable } from './role-table';

export function RolesPage() {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const query = useQuery(rolesQuery(api));
  const mayWrite = useMay('users:write');
  const [edited, setEdited] = useState<Role | 'new' | null>(null);
  const [leaving, setLeaving] = useState<Role | null>(null);
  const done = (words: string) => {
    toast('good', words);
    setEdited(null);
    setLeaving(null);
    void queryClient.invalidateQueries({ queryKey: peopleKey });
  };
  const actions = (
    <>
      <Link className={buttonClass()} to="/users">
        <Icon name="back" />
        {t('users.title')}
      </Link>
      {mayWrite ? (
        <Button kind="primary" onClick={() => setEdited('new')}>
          {t('roles.add')}
        </Button>
      ) : null}
    </>
  );
  return (
    <>
      <PageHeader title={t('roles.title')} lead={t('roles.lead')} actions={actions} />
      <QueryView
        query={query}
        isEmpty={(roles) => roles.length === 0}
        empty={<EmptyState icon="people" title={t('roles.empty')} />}
      >
        {(roles) => <RoleTable roles={roles} onEdit={setEdited} onDelete={setLeaving} />}
      </QueryView>
      {edited ? (
        <RoleForm
          role={edited === 'new' ? null : edited}
          onDone={({ name }) => done(t('roles.saved', { name }))}
          onClose={() => setEdited(null)}
        />
      ) : null}
      {leaving ? (
        <ConfirmDialog
          title={t('roles.delete')}
          verb={t('common.delete')}
          busyVerb={t('common.deleting')}
          act={() => deleteRole(api, leaving.name)}
          onDone={() => done(t('roles.deleted', { name: leaving.name }))}
          onClose={() => setLeaving(null)}
        >
          <p>
            <strong>{leaving.name}</strong>
          </p>
          <p>{t('roles.delete.text')}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
