/** What can be done with a provider: try it, load and unload its model, change it, switch it on or off, remove it. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/button';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ErrorState } from '@/components/error-state';
import { FormDialog } from '@/components/form-dialog';
import { Icon } from '@/components/icon';
import { Notice } from '@/components/notice';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { ProviderFields } from './provider-fields';
import styles from './providers.module.css';
import {
  changeProvider,
  loadProvider,
  type Provider,
  providersKey,
  removeProvider,
  tryProvider,
  unloadProvider,
} from './queries';
import { settingsIn, settingsOf } from './settings';

type Props = { readonly provider: Provider };

export function ProviderActions({ provider }: Props) {
  const { t } = useI18n();
  const { name } = provider;
  const api = useApi();
  const renewed = useRenewal();
  const load = useMutation({
    mutationFn: () => (provider.loaded ? unloadProvider(api, name) : loadProvider(api, name)),
    onSuccess: () =>
      toast('good', t(provider.loaded ? 'providers.unloaded' : 'providers.load.done', { name })),
    onSettled: renewed,
  });
  const trial = useMutation({ mutationFn: () => tryProvider(api, name), onSettled: renewed });
  const isFixed = provider.source !== 'store';
  return (
    <div className={styles.deeds}>
      <div className={styles.buttons}>
        <Button busy={trial.isPending} onClick={() => trial.mutate()}>
          {trial.isPending ? t('providers.test.busy') : t('providers.test')}
        </Button>
        {provider.kind === 'llm' && provider.capabilities?.local ? (
          <Button busy={load.isPending} onClick={() => load.mutate()}>
            {t(provider.loaded ? 'providers.unload' : 'providers.load')}
          </Button>
        ) : null}
        {isFixed ? null : <Changes provider={provider} />}
      </div>
      {isFixed ? <p className={styles.soft}>{t('providers.fixed')}</p> : null}
      {load.isError ? <ErrorState error={load.error} /> : null}
      {trial.isError ? <ErrorState error={trial.error} /> : null}
      {trial.data ? <Outcome {...trial.data} /> : null}
    </div>
  );
}

function Outcome(tried: {
  readonly well: boolean;
  readonly code: string;
  readonly first_token_ms?: number | null;
}) {
  const { t, language } = useI18n();
  const ms = formatNumber(tried.first_token_ms ?? 0, language);
  return (
    <Notice tone={tried.well ? 'good' : 'bad'}>
      {tried.well ? t('providers.test.well', { ms }) : t('providers.test.ill')}
      {tried.code ? (
        <>
          {' '}
          <code>{tried.code}</code>
        </>
      ) : null}
    </Notice>
  );
}

function Changes({ provider }: Props) {
  const { t } = useI18n();
  const { name, enabled } = provider;
  const api = useApi();
  const navigate = useNavigate();
  const renewed = useRenewal();
  const [open, setOpen] = useState<'change' | 'remove' | 'switch' | null>(null);
  const close = () => setOpen(null);
  const done = (words: string) => {
    close();
    toast('good', words);
    void renewed();
  };
  const verb = t(enabled ? 'providers.disable' : 'providers.enable');
  return (
    <>
      <Button onClick={() => setOpen('change')}>{t('providers.change')}</Button>
      <Button onClick={() => setOpen('switch')}>{verb}</Button>
      <Button kind="danger" onClick={() => setOpen('remove')}>
        <Icon name="trash" />
        {t('providers.remove')}
      </Button>
      {open === 'change' ? (
        <FormDialog
          title={t('providers.change.title', { name })}
          verb={t('providers.save')}
          busyVerb={t('providers.saving')}
          act={(form) => changeProvider(api, name, settingsIn(form, provider.kind))}
          onDone={() => done(t('providers.saved', { name }))}
          onClose={close}
        >
          <ProviderFields kind={provider.kind} provider={provider} />
        </FormDialog>
      ) : null}
      {open === 'switch' ? (
        <ConfirmDialog
          title={`${verb}: ${name}`}
          verb={verb}
          busyVerb={t('providers.saving')}
          act={() => changeProvider(api, name, { ...settingsOf(provider), enabled: !enabled })}
          onDone={() => done(t('providers.saved', { name }))}
          onClose={close}
        >
          <p>{t(enabled ? 'providers.disable.text' : 'providers.enable.text')}</p>
        </ConfirmDialog>
      ) : null}
      {open === 'remove' ? (
        <ConfirmDialog
          title={t('providers.remove.title')}
          verb={t('providers.remove')}
          busyVerb={t('providers.removing')}
          act={() => removeProvider(api, name)}
          onDone={() => {
            done(t('providers.removed', { name }));
            void navigate({ to: '/providers' });
          }}
          onClose={close}
        >
          <p>
            <strong>{name}</strong>
          </p>
          <p>{t('providers.remove.text')}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}

function useRenewal() {
  const queryClient = useQueryClient();
  return () => queryClient.invalidateQueries({ queryKey: providersKey });
}
