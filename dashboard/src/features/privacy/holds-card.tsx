/** Legal holds. The people are kept as keyed hashes alone: who is held can be released by the hash, or by naming the person once more. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Facts } from '@/components/facts';
import { FormDialog } from '@/components/form-dialog';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { toast } from '@/lib/toasts';
import styles from './privacy.module.css';
import { type Holds, holdEverything, holdSubject, holdsQuery, privacyKey, releaseSubject } from './queries';
import { SubjectField } from './subject-field';

/** What is asked: to hold somebody, to release whom a name of a hold means or who is typed in, to hold or release everything. */
type Deed =
  | { readonly kind: 'hold' | 'release' | 'everything' }
  | { readonly kind: 'name'; readonly name: string };

export function HoldsCard() {
  const t = useText();
  const query = useQuery(holdsQuery(useApi()));
  const [deed, setDeed] = useState<Deed | null>(null);
  return (
    <Card title={t('privacy.holds')}>
      <QueryView query={query}>
        {(holds) => (
          <div className={styles.part}>
            <p className={styles.soft}>{t('privacy.holds.hint')}</p>
            <Facts
              facts={[
                [t('privacy.holds.everything'), t(holds.everything ? 'privacy.yes' : 'privacy.no')],
                [t('privacy.holds.people'), String(holds.names.length)],
              ]}
            />
            <Names names={holds.names} onRelease={(name) => setDeed({ kind: 'name', name })} />
            <div className={styles.buttons}>
              <Button onClick={() => setDeed({ kind: 'hold' })}>{t('privacy.hold')}</Button>
              {holds.names.length > 0 ? (
                <Button onClick={() => setDeed({ kind: 'release' })}>{t('privacy.release')}</Button>
              ) : null}
              <Button onClick={() => setDeed({ kind: 'everything' })}>
                {t(holds.everything ? 'privacy.everything.release' : 'privacy.everything.hold')}
              </Button>
            </div>
            {deed ? <DeedDialog deed={deed} holds={holds} onClose={() => setDeed(null)} /> : null}
          </div>
        )}
      </QueryView>
    </Card>
  );
}

interface NamesProps {
  readonly names: readonly string[];
  readonly onRelease: (name: string) => void;
}

function Names({ names, onRelease }: NamesProps) {
  const t = useText();
  if (names.length === 0) return null;
  return (
    <ul className={styles.names} aria-label={t('privacy.holds.people')}>
      {names.map((name) => (
        <li key={name} className={styles.name}>
          <code title={name}>{name.slice(0, 16)}</code>
          <Button
            kind="quiet"
            aria-label={t('privacy.release.of', { name: name.slice(0, 16) })}
            onClick={() => onRelease(name)}
          >
            {t('privacy.release.do')}
          </Button>
        </li>
      ))}
    </ul>
  );
}

interface DeedProps {
  readonly deed: Deed;
  readonly holds: Holds;
  readonly onClose: () => void;
}

function DeedDialog({ deed, holds, onClose }: DeedProps) {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const done = (words: string) => () => {
    toast('good', words);
    void queryClient.invalidateQueries({ queryKey: privacyKey });
    onClose();
  };
  const subject = (form: FormData) => String(form.get('subject') ?? '').trim();
  const busyVerb = t('privacy.saving');
  if (deed.kind === 'hold')
    return (
      <FormDialog
        title={t('privacy.hold')}
        verb={t('privacy.hold.do')}
        busyVerb={busyVerb}
        act={(form) => holdSubject(api, subject(form))}
        onDone={done(t('privacy.hold.done'))}
        onClose={onClose}
      >
        <p>{t('privacy.hold.text')}</p>
        <SubjectField />
      </FormDialog>
    );
  if (deed.kind === 'release')
    return (
      <FormDialog
        title={t('privacy.release')}
        verb={t('privacy.release.do')}
        busyVerb={busyVerb}
        danger
        act={(form) => releaseSubject(api, subject(form))}
        onDone={done(t('privacy.release.done'))}
        onClose={onClose}
      >
        <p>{t('privacy.release.text')}</p>
        <SubjectField />
      </FormDialog>
    );
  if (deed.kind === 'name')
    return (
      <ConfirmDialog
        title={t('privacy.release')}
        verb={t('privacy.release.do')}
        busyVerb={busyVerb}
        act={() => releaseSubject(api, deed.name)}
        onDone={done(t('privacy.release.done'))}
        onClose={onClose}
      >
        <p>
          <code>{deed.name}</code>
        </p>
        <p>{t('privacy.release.text')}</p>
      </ConfirmDialog>
    );
  const held = holds.everything;
  return (
    <ConfirmDialog
      title={t(held ? 'privacy.everything.release' : 'privacy.everything.hold')}
      verb={t(held ? 'privacy.release.do' : 'privacy.hold.do')}
      busyVerb={busyVerb}
      act={() => holdEverything(api, !held)}
      onDone={done(t(held ? 'privacy.everything.released' : 'privacy.everything.held'))}
      onClose={onClose}
    >
      <p>{t(held ? 'privacy.everything.release.text' : 'privacy.everything.hold.text')}</p>
    </ConfirmDialog>
  );
}
