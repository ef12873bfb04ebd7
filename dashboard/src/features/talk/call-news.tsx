/** What one has to know of a call: what went wrong and what can be done, a lost connection, and where the conversation is afterwards. */

import { Link } from '@tanstack/react-router';
import { Button } from '@/components/button';
import { buttonClass } from '@/components/button-class';
import { Notice } from '@/components/notice';
import { ProblemText } from '@/components/problem-text';
import { useText } from '@/lib/i18n/context';
import { useMay } from '@/lib/services';
import type { CallView } from '@/realtime/call-view';

interface Props {
  readonly view: CallView;
  /** Starts a call without a microphone. */
  readonly onWrite: () => void;
}

export function CallNews({ view, onWrite }: Props) {
  const t = useText();
  const lacksMicrophone = view.phase === 'ended' && view.problem?.code.startsWith('microphone_');
  return (
    <>
      {view.problem ? (
        <Notice
          tone="bad"
          action={lacksMicrophone ? <Button onClick={onWrite}>{t('talk.without_microphone')}</Button> : null}
        >
          <ProblemText error={view.problem} />
        </Notice>
      ) : null}
      {view.phase === 'broken' ? <Notice tone="info">{t('talk.broken')}</Notice> : null}
      {view.microphone === 'lost' ? <Notice tone="bad">{t('talk.microphone.lost')}</Notice> : null}
      {view.phase === 'open' && view.microphone === 'off' ? (
        <Notice tone="info">{t('talk.microphone.off')}</Notice>
      ) : null}
      {view.phase === 'ended' && view.conversationId ? <Afterwards id={view.conversationId} /> : null}
    </>
  );
}

function Afterwards({ id }: { readonly id: string }) {
  const t = useText();
  const mayRead = useMay('conversations:read');
  const link = (
    <Link to="/conversations/$conversationId" params={{ conversationId: id }} className={buttonClass()}>
      {t('talk.ended.link')}
    </Link>
  );
  return (
    <Notice tone="info" action={mayRead ? link : null}>
      {t('talk.ended')}
    </Notice>
  );
}
