/** Title of a conversation, and who had it with whom, how and when. */

import type { ReactNode } from 'react';
import { Moment } from '@/components/moment';
import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import styles from './conversation-header.module.css';
import type { Conversation } from './queries';

interface Props {
  readonly conversation: Conversation;
  readonly actions: ReactNode;
}

export function ConversationHeader({ conversation, actions }: Props) {
  const t = useText();
  const facts = (
    <span className={styles.facts}>
      <span>{t(`conversations.channel.${conversation.channel}`)}</span>
      <span>
        {t('conversations.column.agent')} {conversation.agent_id}
      </span>
      <span>
        {t('conversations.detail.person')} <code>{conversation.user_id}</code>
      </span>
      <span>
        {t('conversations.detail.begun')} <Moment at={conversation.created_at} exact />
      </span>
    </span>
  );
  return (
    <PageHeader title={conversation.title || t('conversations.untitled')} lead={facts} actions={actions} />
  );
}
