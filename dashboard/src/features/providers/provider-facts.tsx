/** What is known of a provider: how it does now, what its model can, and by which rules it is asked. */

import { Facts } from '@/components/facts';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { priceWords } from './price';
import styles from './providers.module.css';
import type { Provider } from './queries';

type Props = { readonly provider: Provider };

export function HealthFacts({ provider }: Props) {
  const { t, language } = useI18n();
  const { state, last_code, first_token_ms, running, loaded } = provider;
  return (
    <>
      <Facts
        facts={[
          [t('providers.field.loaded'), t(loaded ? 'providers.yes' : 'providers.no')],
          [t('providers.field.running'), formatNumber(running, language)],
          [
            t('providers.field.first'),
            first_token_ms === null ? null : `${formatNumber(first_token_ms, language)} ms`,
          ],
          [t('providers.field.last_code'), last_code ? <code key="code">{last_code}</code> : null],
        ]}
      />
      <p className={styles.soft}>
        {state === 'elsewhere' ? t('providers.health.elsewhere') : t('providers.health.hint')}
      </p>
    </>
  );
}

export function AbilityFacts({ provider }: Props) {
  const { t, language } = useI18n();
  const known = provider.capabilities;
  if (!known) return <p className={styles.soft}>{t('providers.abilities.none')}</p>;
  const number = (value: number | null | undefined) =>
    typeof value === 'number' ? formatNumber(value, language) : null;
  const told = (value: boolean | null | undefined) =>
    typeof value === 'boolean' ? t(value ? 'providers.yes' : 'providers.no') : null;
  return (
    <Facts
      facts={[
        [t('providers.ability.model'), known.model],
        [t('providers.ability.local'), told(known.local)],
        [t('providers.ability.concurrency'), known.concurrency ? number(known.concurrency) : null],
        [t('providers.ability.context_tokens'), number(known.context_tokens)],
        [t('providers.ability.tools'), told(known.tools)],
        [t('providers.ability.languages'), known.languages?.join(', ')],
        [t('providers.ability.words'), told(known.words)],
        [t('providers.ability.voices'), known.voices?.join(', ')],
        [t('providers.ability.rate_hz'), number(known.rate_hz)],
        [t('providers.ability.dimensions'), number(known.dimensions)],
      ]}
    />
  );
}

export function RuleFacts({ provider }: Props) {
  const { t, language } = useI18n();
  const { kind, unload_after_s } = provider;
  const seconds = (value: number) => `${formatNumber(value, language, 2)} s`;
  const whom = (values: readonly string[]) => values.join(', ') || t('providers.everybody');
  return (
    <Facts
      facts={[
        [t('providers.field.kind'), t(`providers.kind.${kind}`)],
        [t('providers.field.url'), <code key="url">{provider.url}</code>],
        [
          t('providers.field.source'),
          provider.source === 'store' ? t('providers.source.store') : t('providers.source.settings'),
        ],
        [t('providers.field.api_key'), t(provider.has_key ? 'providers.yes' : 'providers.no')],
        [t('providers.field.roles'), provider.roles.join(', ')],
        [t('providers.field.priority'), formatNumber(provider.priority, language)],
        [t('providers.field.price'), priceWords(provider, t, language)],
        [t('providers.field.patience_s'), seconds(provider.patience_s)],
        [t('providers.field.unload_after_s'), unload_after_s > 0 ? seconds(unload_after_s) : null],
        [t('providers.field.languages'), whom(provider.languages)],
        [t('providers.field.agents'), whom(provider.agents)],
        [t('providers.field.tenants'), whom(provider.tenants)],
      ]}
    />
  );
}
