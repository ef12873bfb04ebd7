/** The fields of a provider, for a new one and for changes. The key is written here and never shown. */

import { CheckField } from '@/components/check-field';
import { TextField } from '@/components/text-field';
import { useText } from '@/lib/i18n/context';
import styles from './providers.module.css';
import type { Kind, Provider } from './queries';

interface Props {
  readonly kind: Kind;
  /** The one that is changed; null for a new one. */
  readonly provider: Provider | null;
}

export function ProviderFields({ kind, provider }: Props) {
  const t = useText();
  return (
    <>
      <TextField
        label={t('providers.field.url')}
        hint={t('providers.url.hint')}
        name="url"
        defaultValue={provider?.url}
        maxLength={2000}
        autoCapitalize="off"
        spellCheck={false}
        required
      />
      <TextField
        label={t('providers.field.api_key')}
        hint={t(provider?.has_key ? 'providers.api_key.kept' : 'providers.api_key.hint')}
        name="api_key"
        type="password"
        autoComplete="new-password"
        maxLength={2000}
      />
      {kind === 'llm' ? (
        <TextField
          label={t('providers.field.roles')}
          hint={t('providers.roles.hint')}
          name="roles"
          defaultValue={provider?.roles.join(', ') ?? 'chat'}
          required
        />
      ) : null}
      <Numbers kind={kind} provider={provider} />
      {kind === 'embed' ? null : <Rules kind={kind} provider={provider} />}
      <CheckField
        label={t('providers.field.enabled')}
        name="enabled"
        value="on"
        defaultChecked={provider?.enabled ?? true}
      />
    </>
  );
}

function Numbers({ kind, provider }: Props) {
  const t = useText();
  const amount = { type: 'number', min: 0, max: 1_000_000, required: true } as const;
  return (
    <div className={styles.pair}>
      <TextField
        {...amount}
        label={t('providers.field.priority')}
        hint={t('providers.priority.hint')}
        name="priority"
        step={1}
        defaultValue={provider?.priority ?? 100}
      />
      <TextField
        {...amount}
        label={t('providers.field.patience_s')}
        hint={t('providers.patience_s.hint')}
        name="patience_s"
        max={60}
        step="any"
        defaultValue={provider?.patience_s ?? 1.5}
      />
      <TextField
        {...amount}
        label={t('providers.field.price_in')}
        hint={t(`providers.price_in.${kind}`)}
        name="price_in"
        step="any"
        defaultValue={provider?.price_in ?? 0}
      />
      {kind === 'llm' ? (
        <TextField
          {...amount}
          label={t('providers.field.price_out')}
          hint={t('providers.price_out.hint')}
          name="price_out"
          step="any"
          defaultValue={provider?.price_out ?? 0}
        />
      ) : null}
      <TextField
        {...amount}
        label={t('providers.field.concurrency')}
        hint={t('providers.concurrency.hint')}
        name="concurrency"
        step={1}
        defaultValue={provider?.concurrency ?? 0}
      />
      {kind === 'llm' ? (
        <TextField
          {...amount}
          label={t('providers.field.unload_after_s')}
          hint={t('providers.unload_after_s.hint')}
          name="unload_after_s"
          step="any"
          defaultValue={provider?.unload_after_s ?? 0}
        />
      ) : null}
    </div>
  );
}

/** Whom it serves. Embeddings serve everybody. */
function Rules({ provider }: Props) {
  const t = useText();
  return (
    <fieldset className={styles.rules}>
      <legend>{t('providers.rules')}</legend>
      <p className={styles.soft}>{t('providers.rules.hint')}</p>
      <div className={styles.pair}>
        {(['languages', 'agents', 'tenants'] as const).map((name) => (
          <TextField
            key={name}
            label={t(`providers.field.${name}`)}
            name={name}
            defaultValue={provider?.[name].join(', ')}
          />
        ))}
      </div>
    </fieldset>
  );
}
