/** A new collection, or another name and other readers for one. */

import { AreaField } from '@/components/area-field';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { type Collection, saveCollection } from './queries';

interface Props {
  /** Null for a new one. */
  readonly collection: Collection | null;
  readonly onDone: (collection: Collection) => void;
  readonly onClose: () => void;
}

export function CollectionDialog({ collection, onDone, onClose }: Props) {
  const t = useText();
  const api = useApi();
  const save = (form: FormData) =>
    saveCollection(api, collection?.collection_id ?? null, {
      name: String(form.get('name') ?? '').trim(),
      reader_ids: String(form.get('readers') ?? '')
        .split(/[\n,]/)
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    });
  return (
    <FormDialog
      title={collection ? t('collections.change.of', { name: collection.name }) : t('collections.new')}
      verb={t('collections.save')}
      busyVerb={t('collections.saving')}
      act={save}
      onDone={onDone}
      onClose={onClose}
    >
      <TextField
        label={t('collections.name')}
        name="name"
        defaultValue={collection?.name}
        maxLength={120}
        required
      />
      <AreaField
        label={t('collections.readers')}
        hint={t('collections.readers.hint')}
        name="readers"
        rows={4}
        defaultValue={collection?.reader_ids.join('\n')}
        spellCheck={false}
      />
    </FormDialog>
  );
}
