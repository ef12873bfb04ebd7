/** One agent: what it is told and given, and a question to try it with. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { BackLink } from '@/components/back-link';
import { Button } from '@/components/button';
import { Card } from '@/components/card';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Icon } from '@/components/icon';
import { PageHeader } from '@/components/page-header';
import { QueryView } from '@/components/query-view';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import { toast } from '@/lib/toasts';
import { AgentForm } from './agent-form';
import styles from './agents.module.css';
import { Preview } from './preview';
import { type Agent, agentQuery, agentsKey, DEFAULT_AGENT, deleteAgent } from './queries';

const route = getRouteApi('/shell/agents/$agentId');

export function DetailPage() {
  const t = useText();
  const { agentId } = route.useParams();
  const queryClient = useQueryClient();
  const query = useQuery(agentQuery(useApi(), agentId));
  const mayAsk = useMay('documents:read');
  const saved = (agent: Agent) => {
    toast('good', t('agents.saved', { name: agent.name }));
    void queryClient.invalidateQueries({ queryKey: agentsKey });
  };
  return (
    <>
      <BackLink to="/agents">{t('agents.title')}</BackLink>
      <QueryView query={query}>
        {(agent) => (
          <>
            <PageHeader
              title={agent.name}
              lead={<code>{agent.agent_id}</code>}
              actions={<Remove agent={agent} />}
            />
            <div className={styles.grid}>
              <Card title={t('agents.settings')}>
                <AgentForm key={agent.agent_id} agent={agent} onSaved={saved} />
              </Card>
              {mayAsk ? (
                <Card title={t('agents.preview')}>
                  <Preview key={agent.agent_id} agentId={agent.agent_id} />
                </Card>
              ) : null}
            </div>
          </>
        )}
      </QueryView>
    </>
  );
}

/** The default agent is never gone: without one of its own the organisation has the one that ships. */
function Remove({ agent }: { readonly agent: Agent }) {
  const t = useText();
  const api = useApi();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [asking, setAsking] = useState(false);
  const isDefault = agent.agent_id === DEFAULT_AGENT;
  const verb = isDefault ? t('agents.reset') : t('common.delete');
  const gone = () => {
    toast('good', t(isDefault ? 'agents.reset.done' : 'agents.deleted', { name: agent.name }));
    void navigate({ to: '/agents' });
    queryClient.removeQueries({ queryKey: agentsKey });
  };
  if (!useMay('agents:write')) return null;
  return (
    <>
      <Button kind="danger" onClick={() => setAsking(true)}>
        <Icon name={isDefault ? 'refresh' : 'trash'} />
        {verb}
      </Button>
      {asking ? (
        <ConfirmDialog
          title={isDefault ? t('agents.reset.title') : t('agents.delete')}
          verb={verb}
          busyVerb={isDefault ? t('agents.reset.busy') : t('common.deleting')}
          act={() => deleteAgent(api, agent.agent_id)}
          onDone={gone}
          onClose={() => setAsking(false)}
        >
          <p>
            <strong>{agent.name}</strong>
          </p>
          <p>{isDefault ? t('agents.reset.text') : t('agents.delete.text')}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
