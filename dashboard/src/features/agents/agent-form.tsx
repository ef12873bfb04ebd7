/** What an agent is told and given. Without the right to change it the same form only shows. */

import { useMutation, useQuery } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { AreaField } from '@/components/area-field';
import { Button } from '@/components/button';
import { ErrorState } from '@/components/error-state';
import { TextField } from '@/components/text-field';
import { type Choice, TickList } from '@/components/tick-list';
import { useText } from '@/lib/i18n/context';
import { useApi, useMay } from '@/lib/services';
import styles from './agents.module.css';
import {
  type Agent,
  type AgentSettings,
  agentCollectionsQuery,
  saveAgent,
  type Tool,
  toolsQuery,
} from './queries';

interface Props {
  /** The one that is changed; null for a new one. */
  readonly agent: Agent | null;
  readonly onSaved: (agent: Agent) => void;
}

export function AgentForm({ agent, onSaved }: Props) {
  const t = useText();
  const api = useApi();
  const mayWrite = useMay('agents:write');
  const save = useMutation({
    mutationFn: (settings: AgentSettings) => saveAgent(api, agent?.agent_id ?? null, settings),
    onSuccess: onSaved,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!save.isPending) save.mutate(settingsOf(new FormData(event.currentTarget)));
  };
  return (
    <form onSubmit={submit}>
      <fieldset className={styles.form} disabled={!mayWrite}>
        <Character agent={agent} />
        <Model agent={agent} />
        <Grants agent={agent} />
        {save.isError ? <ErrorState error={save.error} /> : null}
        {mayWrite ? (
          <div>
            <Button type="submit" kind="primary" busy={save.isPending}>
              {save.isPending ? t('agents.saving') : t('agents.save')}
            </Button>
          </div>
        ) : (
          <p className={styles.soft}>{t('agents.read_only')}</p>
        )}
      </fieldset>
    </form>
  );
}

type Part = { readonly agent: Agent | null };

function Character({ agent }: Part) {
  const t = useText();
  return (
    <>
      <div className={styles.pair}>
        <TextField
          label={t('agents.field.name')}
          name="name"
          defaultValue={agent?.name}
          maxLength={100}
          required
        />
        <TextField
          label={t('agents.field.language')}
          hint={t('agents.language.hint')}
          name="language"
          defaultValue={agent?.language ?? 'en'}
          minLength={2}
          maxLength={35}
          required
        />
      </div>
      <AreaField
        label={t('agents.field.instructions')}
        hint={t('agents.instructions.hint')}
        name="instructions"
        rows={10}
        defaultValue={agent?.instructions ?? t('agents.instructions.start')}
        maxLength={20_000}
      />
      <AreaField
        label={t('agents.field.greeting')}
        hint={t('agents.greeting.hint')}
        name="greeting"
        rows={2}
        defaultValue={agent?.greeting}
        maxLength={1000}
      />
    </>
  );
}

function Model({ agent }: Part) {
  const t = useText();
  return (
    <div className={styles.pair}>
      <TextField
        label={t('agents.field.voice')}
        hint={t('agents.voice.hint')}
        name="voice"
        defaultValue={agent?.voice}
        maxLength={100}
      />
      <TextField
        label={t('agents.field.model')}
        hint={t('agents.model.hint')}
        name="model"
        defaultValue={agent?.model ?? 'chat'}
        maxLength={200}
        required
      />
      <TextField
        label={t('agents.field.temperature')}
        hint={t('agents.temperature.hint')}
        name="temperature"
        type="number"
        min={0}
        max={2}
        step="any"
        defaultValue={agent?.temperature ?? 0.2}
        required
      />
      <TextField
        label={t('agents.field.max_output_tokens')}
        hint={t('agents.max_output_tokens.hint')}
        name="max_output_tokens"
        type="number"
        min={1}
        max={8192}
        step={1}
        defaultValue={agent?.max_output_tokens ?? 160}
        required
      />
    </div>
  );
}

/** What it may read and do. Nothing is shown until it is known: a list that is not there yet would untick what is ticked. */
function Grants({ agent }: Part) {
  const t = useText();
  const api = useApi();
  const mayRead = useMay('documents:read');
  const tools = useQuery(toolsQuery(api));
  const collections = useQuery({ ...agentCollectionsQuery(api), enabled: mayRead });
  const failed = tools.error ?? collections.error;
  const chosen = { collections: agent?.collection_ids ?? [], tools: agent?.tools ?? [] };
  const waits = !failed && (!tools.data || (mayRead && !collections.data));
  const named = (collections.data ?? []).map((one) => ({ value: one.collection_id, label: one.name }));
  return (
    <>
      {failed ? <ErrorState error={failed} /> : null}
      {waits ? (
        <>
          <p className={styles.soft}>{t('common.loading')}</p>
          <Kept name="collections" values={chosen.collections} />
          <Kept name="tools" values={chosen.tools} />
        </>
      ) : (
        <>
          <TickList
            legend={t('agents.field.collections')}
            hint={t('agents.collections.hint')}
            name="collections"
            choices={withChosen(named, chosen.collections)}
            ticked={chosen.collections}
            none={t('agents.collections.none')}
          />
          <TickList
            legend={t('agents.field.tools')}
            hint={t('agents.tools.hint')}
            name="tools"
            choices={withChosen((tools.data ?? []).map(choiceOf), chosen.tools)}
            ticked={chosen.tools}
            none={t('agents.tools.none')}
          />
        </>
      )}
    </>
  );
}

function Kept({ name, values }: { readonly name: string; readonly values: readonly string[] }) {
  return values.map((value) => <input key={value} type="hidden" name={name} value={value} />);
}

function choiceOf(tool: Tool): Choice {
  return { value: tool.name, label: tool.name, hint: tool.description };
}

/** With those that are chosen and that the caller cannot see, so that saving does not take them away. */
function withChosen(choices: readonly Choice[], chosen: readonly string[]): readonly Choice[] {
  const known = new Set(choices.map((one) => one.value));
  return [...choices, ...chosen.filter((one) => !known.has(one)).map((value) => ({ value, label: value }))];
}

function settingsOf(form: FormData): AgentSettings {
  const text = (name: string) => String(form.get(name) ?? '');
  return {
    name: text('name').trim(),
    instructions: text('instructions'),
    greeting: text('greeting').trim(),
    language: text('language').trim(),
    model: text('model').trim(),
    voice: text('voice').trim(),
    temperature: Number(text('temperature')),
    max_output_tokens: Number(text('max_output_tokens')),
    collection_ids: form.getAll('collections').map(String),
    tools: form.getAll('tools').map(String),
  };
}
