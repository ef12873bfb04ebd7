/** The conversations, a page at a time; the address says which page. */

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { Pager } from '@/components/pager';
import { QueryView } from '@/components/query-view';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import { ConversationTable } from './conversation-table';
import { PAGE_SIZE, PAGE_SIZES } from './page-sizes';
import { conversationsQuery } from './queries';

const route = getRouteApi('/shell/conversations');

export function ListPage() {
  const t = useText();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(conversationsQuery(useApi(), search));
  const sizes = (
    <SelectField
      label={t('conversations.page_size')}
      value={String(search.size ?? PAGE_SIZE)}
      options={PAGE_SIZES.map((size) => [String(size), String(size)])}
      onChange={(value) => {
        const size = PAGE_SIZES.find((one) => String(one) === value) ?? PAGE_SIZE;
        void navigate({ search: size === PAGE_SIZE ? {} : { size } });
      }}
    />
  );
  const { before: _, before_id: __, ...first } = search;
  const { next_before: next, next_before_id: nextId } = query.data ?? {};
  return (
    <>
      <PageHeader title={t('conversations.title')} lead={t('conversations.lead')} actions={sizes} />
      <QueryView
        query={query}
        isEmpty={(page) => page.conversations.length === 0}
        empty={
          search.before ? (
            <EmptyState icon="conversations" title={t('conversations.past_end')} />
          ) : (
            <EmptyState
              icon="conversations"
              title={t('conversations.empty')}
              hint={t('conversations.empty.hint')}
            />
          )
        }
      >
        {(page) => <ConversationTable conversations={page.conversations} />}
      </QueryView>
      <Pager
        onNewest={search.before ? () => void navigate({ search: first }) : undefined}
        onNext={
          next && nextId
            ? () => void navigate({ search: { ...first, before: next, before_id: nextId } })
            : undefined
        }
      />
    </>
  );
}
