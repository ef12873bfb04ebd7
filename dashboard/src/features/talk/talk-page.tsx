/** A call with the agent: start and end, what both sides say, and what went wrong. */

import { useRef } from 'react';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import { useServices } from '@/lib/services';
import { callAddress } from '@/realtime/address';
import { AgentField } from './agent-field';
import { CallControls } from './call-controls';
import { CallNews } from './call-news';
import styles from './talk-page.module.css';
import { Transcript } from './transcript';
import { useAgentChoice } from './use-agent-choice';
import { useCall } from './use-call';
import { WriteForm } from './write-form';

export function TalkPage() {
  const t = useText();
  const { session } = useServices();
  const [call, view] = useCall();
  const choice = useAgentChoice();
  const bigButton = useRef<HTMLButtonElement>(null);
  const isOn = view.phase !== 'idle' && view.phase !== 'ended';
  const start = (withMicrophone: boolean) => {
    bigButton.current?.focus();
    const { agentId } = choice;
    void call.start((conversationId) => callAddress(session, { agentId, conversationId }), withMicrophone);
  };
  return (
    <>
      <PageHeader
        title={t('nav.talk')}
        lead={t('talk.lead')}
        actions={<AgentField choice={choice} fixed={isOn} />}
      />
      <div className={styles.page}>
        <CallControls call={call} view={view} buttonRef={bigButton} onStart={() => start(true)} />
        <CallNews view={view} onWrite={() => start(false)} />
        {isOn || view.lines.length > 0 ? (
          <Card title={t('talk.transcript')}>
            <Transcript lines={view.lines} />
            {isOn ? <WriteForm disabled={view.phase !== 'open'} onSend={(text) => call.write(text)} /> : null}
          </Card>
        ) : null}
        {view.phase === 'idle' && view.lines.length === 0 ? (
          <EmptyState
            icon="conversations"
            title={t('talk.idle')}
            hint={t('talk.idle.hint')}
            action={<Button onClick={() => start(false)}>{t('talk.idle.write')}</Button>}
          />
        ) : null}
      </div>
    </>
  );
}
