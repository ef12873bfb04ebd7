/** Events of one's own organisation that nobody could handle, and handing them out again. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Facts } from '@/components/facts';
import { Moment } from '@/components/moment';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n, useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './health-page.module.css';
import { type DeadLetters, deadKey, deadQuery, type Letter, revive } from './queries';

export function EventsCard() {
  const t = useText();
  const query = useQuery(deadQuery(useApi()));
  const [asked, setAsked] = useState<readonly Letter[]>([]);
  return (
    <div className={styles.below}>
      <Card title={t('health.events')}>
        <QueryView query={query}>{(dead) => <Dead dead={dead} onRevive={setAsked} />}</QueryView>
      </Card>
      {asked.length > 0 ? <ReviveDialog letters={asked} onClose={() => setAsked([])} /> : null}
    </div>
  );
}

interface DeadProps {
  readonly dead: DeadLetters;
  readonly onRevive: (letters: readonly Letter[]) => void;
}

function Dead({ dead, onRevive }: DeadProps) {
  const { t, language } = useI18n();
  const mayRevive = useMay('settings:write');
  const actions: Column<Letter> = {
    key: 'actions',
    label: t('health.event.actions'),
    cell: (one) => (
      <Button
        aria-label={t('health.event.revive.of', { kind: one.kind, id: one.subject_id })}
        onClick={() => onRevive([one])}
      >
        {t('health.event.revive')}
      </Button>
    ),
  };
  const columns: readonly Column<Letter>[] = [
    { key: 'kind', label: t('health.event.kind'), cell: (one) => <strong>{one.kind}</strong> },
    { key: 'at', label: t('health.event.at'), cell: (one) => <Moment at={one.at} exact /> },
    { key: 'subject', label: t('health.event.subject'), cell: (one) => <code>{one.subject_id}</code> },
    { key: 'mark', label: t('health.event.mark'), cell: (one) => <code>{one.mark}</code> },
    ...(mayRevive ? [actions] : []),
  ];
  return (
    <div className={styles.stack}>
      <p className={styles.foot}>{t('health.events.hint')}</p>
      <Facts
        facts={[
          [t('health.events.waiting'), formatNumber(dead.waiting, language)],
          [t('health.events.dead'), formatNumber(dead.items.length, language)],
        ]}
      />
      {dead.items.length > 0 ? (
        <>
          <Table
            caption={t('health.events')}
            columns={columns}
            rows={dead.items}
            rowKey={(one) => one.mark}
          />
          {mayRevive && dead.items.length > 1 ? (
            <div>
              <Button onClick={() => onRevive(dead.items)}>{t('health.events.revive')}</Button>
            </div>
          ) : null}
        </>
      ) : null}
    </div>
  );
}

interface ReviveProps {
  readonly letters: readonly Letter[];
  readonly onClose: () => void;
}

function ReviveDialog({ letters, onClose }: ReviveProps) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const act = async () => {
    const count = await revive(
      api,
      letters.map((one) => one.mark),
    );
    toast('good', t('health.events.revived', { count }));
  };
  const done = () => {
    void queryClient.invalidateQueries({ queryKey: deadKey });
    onClose();
  };
  return (
    <ConfirmDialog
      title={t('health.event.revive')}
      verb={t('health.event.revive')}
      busyVerb={t('form.saving')}
      act={act}
      onDone={done}
      onClose={onClose}
    >
      <p>{t('health.events.revive.text', { count: letters.length })}</p>
    </ConfirmDialog>
  );
}
