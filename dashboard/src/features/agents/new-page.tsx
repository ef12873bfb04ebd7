/** A new agent. */

import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { BackLink } from '@/components/back-link';
import { Card } from '@/components/card';
import { PageHeader } from '@/components/page-header';
import { useText } from '@/lib/i18n/context';
import { toast } from '@/lib/toasts';
import { AgentForm } from './agent-form';
import { type Agent, agentsKey } from './queries';

export function NewPage() {
  const t = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const saved = (agent: Agent) => {
    toast('good', t('agents.saved', { name: agent.name }));
    void queryClient.invalidateQueries({ queryKey: agentsKey });
    void navigate({ to: '/agents/$agentId', params: { agentId: agent.agent_id } });
  };
  return (
    <>
      <BackLink to="/agents">{t('agents.title')}</BackLink>
      <PageHeader title={t('agents.new')} />
      <Card title={t('agents.settings')}>
        <AgentForm agent={null} onSaved={saved} />
      </Card>
    </>
  );
}
