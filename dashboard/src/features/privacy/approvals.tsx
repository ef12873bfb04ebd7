/** Removals that were held back for being too many at once, and allowing one. Who may not read the audit log names class and number. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { FormDialog } from '@/components/form-dialog';
import { Moment } from '@/components/moment';
import { Notice } from '@/components/notice';
import { QueryView } from '@/components/query-view';
import { SelectField } from '@/components/select-field';
import { TextField } from '@/components/text-field';
import { formatNumber } from '@/lib/formats';
import { useI18n, useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './privacy.module.css';
import { type Approval, approveRemoval, type HeldBack, heldBackQuery, privacyKey } from './queries';

const CLASSES = ['transcripts', 'audio', 'documents'] as const;
const MOST = 1_000_000_000;

type Asked = Partial<Approval>;

export function Approvals() {
  const t = useText();
  const mayRead = useMay('audit:read');
  const query = useQuery({ ...heldBackQuery(useApi()), enabled: mayRead });
  const [asked, setAsked] = useState<Asked | null>(null);
  return (
    <div className={styles.waiting}>
      <h3>{t('privacy.approvals')}</h3>
      {mayRead ? (
        <QueryView
          query={query}
          isEmpty={(held) => held.length === 0}
          empty={<p className={styles.soft}>{t('privacy.approvals.none')}</p>}
        >
          {(held) => held.map((one) => <Waiting key={one.dataClass} held={one} onAllow={setAsked} />)}
        </QueryView>
      ) : (
        <div>
          <Button onClick={() => setAsked({})}>{t('privacy.approve')}</Button>
        </div>
      )}
      {asked ? <ApproveDialog asked={asked} onClose={() => setAsked(null)} /> : null}
    </div>
  );
}

interface WaitingProps {
  readonly held: HeldBack;
  readonly onAllow: (asked: Asked) => void;
}

function Waiting({ held, onAllow }: WaitingProps) {
  const { t, language } = useI18n();
  const { dataClass, due, total, at, allowedAt } = held;
  const number = (value: number) => formatNumber(value, language);
  const allow = (
    <Button
      aria-label={t('privacy.approve.of', { class: t(`privacy.${dataClass}_days`) })}
      onClick={() => onAllow({ data_class: dataClass, count: due })}
    >
      {t('privacy.approve')}
    </Button>
  );
  return (
    <Notice tone="info" action={allowedAt ? null : allow}>
      <p>
        <strong>{t(`privacy.${dataClass}_days`)}</strong>:{' '}
        {t('privacy.held_back', { due: number(due), total: number(total) })}
      </p>
      <p className={styles.soft}>
        {t(allowedAt ? 'privacy.held_back.allowed' : 'privacy.held_back.at')}{' '}
        <Moment at={allowedAt ?? at} exact />
      </p>
    </Notice>
  );
}

function ApproveDialog({ asked, onClose }: { readonly asked: Asked; readonly onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const [dataClass, setDataClass] = useState<Approval['data_class']>(asked.data_class ?? 'transcripts');
  const allowed = () => {
    toast('good', t('privacy.approve.done'));
    void queryClient.invalidateQueries({ queryKey: privacyKey });
    onClose();
  };
  return (
    <FormDialog
      title={t('privacy.approve')}
      verb={t('privacy.approve.do')}
      busyVerb={t('privacy.saving')}
      danger
      act={(form) => approveRemoval(api, { data_class: dataClass, count: Number(form.get('count')) })}
      onDone={allowed}
      onClose={onClose}
    >
      <p>{t('privacy.approve.text')}</p>
      <SelectField
        label={t('privacy.approve.class')}
        value={dataClass}
        options={CLASSES.map((one) => [one, t(`privacy.${one}_days`)] as const)}
        onChange={(value) => setDataClass(CLASSES.find((one) => one === value) ?? dataClass)}
      />
      <TextField
        label={t('privacy.approve.count')}
        hint={t('privacy.approve.count.hint')}
        name="count"
        type="number"
        min={1}
        max={MOST}
        step={1}
        defaultValue={asked.count ?? ''}
        required
      />
    </FormDialog>
  );
}
