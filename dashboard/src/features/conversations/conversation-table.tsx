/** A page of conversations. */

import { Link } from '@tanstack/react-router';
import { Moment } from '@/components/moment';
import { type Column, Table } from '@/components/table';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import type { Conversation } from './queries';

export function ConversationTable({ conversations }: { readonly conversations: readonly Conversation[] }) {
  const { t, language } = useI18n();
  const columns: readonly Column<Conversation>[] = [
    {
      key: 'title',
      label: t('conversations.column.title'),
      cell: (one) => (
        <Link to="/conversations/$conversationId" params={{ conversationId: one.conversation_id }}>
          {one.title || t('conversations.untitled')}
        </Link>
      ),
    },
    { key: 'agent', label: t('conversations.column.agent'), cell: (one) => one.agent_id },
    {
      key: 'channel',
      label: t('conversations.column.channel'),
      cell: (one) => t(`conversations.channel.${one.channel}`),
    },
    {
      key: 'turns',
      label: t('conversations.column.turns'),
      cell: (one) => formatNumber(one.turn_count, language),
    },
    {
      key: 'updated',
      label: t('conversations.column.updated'),
      cell: (one) => <Moment at={one.updated_at} />,
    },
  ];
  return (
    <Table
      caption={t('conversations.title')}
      columns={columns}
      rows={conversations}
      rowKey={(one) => one.conversation_id}
    />
  );
}
