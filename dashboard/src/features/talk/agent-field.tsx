/** The choice of an agent, for those who may see which there are; fixed during a call. */

import { ErrorState } from '@/components/error-state';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import type { AgentChoice } from './use-agent-choice';

export function AgentField({ choice, fixed }: { readonly choice: AgentChoice; readonly fixed: boolean }) {
  const t = useText();
  if (choice.query?.isError) {
    return <ErrorState error={choice.query.error} onRetry={() => void choice.query?.refetch()} />;
  }
  if (choice.agents.length === 0) return null;
  const isListed = choice.agents.some((one) => one.agent_id === choice.agentId);
  const options = choice.agents.map((one) => [one.agent_id, one.name || one.agent_id] as const);
  const chosen = options.find(([agentId]) => agentId === choice.agentId)?.[1] ?? choice.agentId;
  if (fixed) {
    return (
      <span>
        {t('talk.agent')}: <strong>{chosen}</strong>
      </span>
    );
  }
  return (
    <SelectField
      label={t('talk.agent')}
      value={choice.agentId}
      options={isListed ? options : [...options, [choice.agentId, choice.agentId]]}
      onChange={choice.choose}
    />
  );
}
