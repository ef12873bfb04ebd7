/** Makes a role, or changes the rights of one. */

import { FormDialog } from '@/components/form-dialog';
import { ScopePicker } from '@/components/scope-picker';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { putRole, type Role } from './queries';

interface Props {
  /** Null for a new one. */
  readonly role: Role | null;
  readonly onDone: (role: Role) => void;
  readonly onClose: () => void;
}

export function RoleForm({ role, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const save = (form: FormData) =>
    putRole(api, role?.name ?? String(form.get('name')), form.getAll('scopes').map(String));
  return (
    <FormDialog
      title={role ? t('roles.edit.of', { name: role.name }) : t('roles.add')}
      verb={t('form.save')}
      busyVerb={t('form.saving')}
      act={save}
      onDone={onDone}
      onClose={onClose}
    >
      {role ? (
        <p>{t('roles.edit.hint')}</p>
      ) : (
        <TextField
          label={t('roles.column.name')}
          hint={t('roles.name.hint')}
          name="name"
          pattern="[a-z][a-z0-9_\-]*"
          maxLength={40}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          required
        />
      )}
      <ScopePicker legend={t('roles.column.scopes')} chosen={role?.scopes ?? []} />
    </FormDialog>
  );
}
