/** The agents of the organisation. */

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { buttonClass } from '@/components/button-class';
import { EmptyState } from '@/components/empty-state';
import { Icon } from '@/components/icon';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { type Column, Table } from '@/components/table';
import { formatLanguage, formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import styles from './agents.module.css';
import { type Agent, agentsQuery, DEFAULT_AGENT } from './queries';

export function ListPage() {
  const { t } = useI18n();
  const query = useQuery(agentsQuery(useApi()));
  const add = useMay('agents:write') ? (
    <Link to="/agents/new" className={buttonClass('primary')}>
      {t('agents.new')}
    </Link>
  ) : null;
  return (
    <>
      <PageHeader title={t('agents.title')} lead={t('agents.lead')} actions={add} />
      <QueryView
        query={query}
        isEmpty={(agents) => agents.length === 0}
        empty={<EmptyState icon="agents" title={t('agents.empty')} action={add} />}
      >
        {(agents) => <AgentTable agents={agents} />}
      </QueryView>
      <p className={styles.foot}>
        <Icon name="info" size={16} /> {t('agents.default.hint')}
      </p>
    </>
  );
}

function AgentTable({ agents }: { readonly agents: readonly Agent[] }) {
  const { t, language } = useI18n();
  const columns: readonly Column<Agent>[] = [
    {
      key: 'name',
      label: t('agents.field.name'),
      cell: (one) => (
        <span className={styles.name}>
          <Link to="/agents/$agentId" params={{ agentId: one.agent_id }}>
            {one.name}
          </Link>
          <code className={styles.id}>{one.agent_id}</code>
        </span>
      ),
    },
    {
      key: 'language',
      label: t('agents.field.language'),
      cell: (one) => formatLanguage(one.language, language),
    },
    { key: 'model', label: t('agents.field.model'), cell: (one) => <code>{one.model}</code> },
    { key: 'voice', label: t('agents.field.voice'), cell: (one) => one.voice || t('agents.voice.any') },
    {
      key: 'collections',
      label: t('agents.field.collections'),
      cell: (one) =>
        one.collection_ids.length > 0
          ? formatNumber(one.collection_ids.length, language)
          : t('agents.collections.all'),
    },
    {
      key: 'tools',
      label: t('agents.field.tools'),
      cell: (one) => (one.tools.length > 0 ? one.tools.join(', ') : t('common.none')),
    },
  ];
  const first = (one: Agent) => (one.agent_id === DEFAULT_AGENT ? 0 : 1);
  return (
    <Table
      caption={t('agents.title')}
      columns={columns}
      rows={[...agents].sort((a, b) => first(a) - first(b))}
      rowKey={(one) => one.agent_id}
    />
  );
}
