/** One conversation: what is known of it, and its turns. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { BackLink } from '@/components/back-link';
import { Button } from '@/components/button';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { pseudonymsIn } from '@/components/pseudonyms';
import { QueryView } from '@/components/query-view';
import { RevealDialog } from '@/components/reveal-dialog';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { ConversationHeader } from './conversation-header';
import styles from './detail-page.module.css';
import { conversationQuery, conversationsKey, deleteConversation, type Turn, turnsQuery } from './queries';
import { TurnCard } from './turn-card';

const route = getRouteApi('/shell/conversations/$conversationId');

export function DetailPage() {
  const t = useText();
  const api = useApi();
  const queryClient = useQueryClient();
  const { conversationId } = route.useParams();
  const navigate = route.useNavigate();
  const [asking, setAsking] = useState(false);
  const [revealing, setRevealing] = useState(false);
  const mayReveal = useMay('pii:reveal');
  const mayDelete = useMay('conversations:write');
  const conversation = useQuery(conversationQuery(api, conversationId));
  const turns = useQuery(turnsQuery(api, conversationId));
  const done = () => {
    toast('good', t('conversations.deleted'));
    void navigate({ to: '/conversations' });
    queryClient.removeQueries({ queryKey: conversationsKey });
  };
  const pseudonyms = mayReveal ? pseudonymsIn((turns.data?.turns ?? []).flatMap(textsOf)) : [];
  const reveal = <Button onClick={() => setRevealing(true)}>{t('reveal.open')}</Button>;
  const remove = (
    <Button kind="danger" onClick={() => setAsking(true)}>
      <Icon name="trash" />
      {t('common.delete')}
    </Button>
  );
  return (
    <>
      <BackLink to="/conversations">{t('conversations.title')}</BackLink>
      <QueryView query={conversation}>
        {(one) => (
          <>
            <ConversationHeader
              conversation={one}
              actions={
                <>
                  {pseudonyms.length > 0 ? reveal : null}
                  {mayDelete ? remove : null}
                </>
              }
            />
            <QueryView
              query={turns}
              isEmpty={(page) => page.turns.length === 0}
              empty={<EmptyState icon="conversations" title={t('conversations.detail.no_turns')} />}
            >
              {(page) => (
                <ol className={styles.turns}>
                  {page.turns.map((turn, index) => (
                    <li key={turn.turn_id}>
                      <TurnCard turn={turn} number={one.turn_count - page.turns.length + index + 1} />
                    </li>
                  ))}
                </ol>
              )}
            </QueryView>
            {revealing ? (
              <RevealDialog
                conversationId={conversationId}
                pseudonyms={pseudonyms}
                onClose={() => setRevealing(false)}
              />
            ) : null}
            {asking ? (
              <ConfirmDialog
                title={t('conversations.delete')}
                verb={t('common.delete')}
                busyVerb={t('common.deleting')}
                act={() => deleteConversation(api, conversationId)}
                onDone={done}
                onClose={() => setAsking(false)}
              >
                {t('conversations.delete.text', { count: one.turn_count })}
              </ConfirmDialog>
            ) : null}
          </>
        )}
      </QueryView>
    </>
  );
}

/** Whatever of a turn is stored with pseudonyms. */
function textsOf(turn: Turn): readonly string[] {
  return [turn.asked, turn.answer];
}
