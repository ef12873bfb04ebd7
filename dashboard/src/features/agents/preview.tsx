/** A typed question to the agent as it is saved, its answer, and what that rests on. Nothing of it is kept as a conversation. */

import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { Badge, type Tone } from '@/components/badge';
import { Button } from '@/components/button';
import { ErrorState } from '@/components/error-state';
import { TextField } from '@/components/text-field';
import { formatNumber } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';
import { useApi } from '@/lib/services';
import styles from './agents.module.css';
import { type Answer, askAgent, type Source } from './queries';

const TONES = {
  extracted: 'good',
  generated: 'good',
  refused: 'warn',
  own: 'plain',
} as const satisfies Record<string, Tone>;

export function Preview({ agentId }: { readonly agentId: string }) {
  const { t } = useI18n();
  const api = useApi();
  const ask = useMutation({ mutationFn: (question: string) => askAgent(api, agentId, question) });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const question = String(new FormData(event.currentTarget).get('question') ?? '').trim();
    if (question && !ask.isPending) ask.mutate(question);
  };
  return (
    <>
      <form className={styles.form} onSubmit={submit}>
        <TextField
          label={t('agents.preview.question')}
          hint={t('agents.preview.hint')}
          name="question"
          maxLength={1000}
          autoComplete="off"
          required
        />
        <div>
          <Button type="submit" busy={ask.isPending}>
            {ask.isPending ? t('agents.preview.busy') : t('agents.preview.ask')}
          </Button>
        </div>
      </form>
      {ask.isError ? <ErrorState error={ask.error} /> : null}
      <div aria-live="polite">{ask.data ? <Reply answer={ask.data} /> : null}</div>
    </>
  );
}

function Reply({ answer }: { readonly answer: Answer }) {
  const { t, language } = useI18n();
  const grounding = answer.grounding || 'own';
  return (
    <div className={styles.answer}>
      <p className={styles.words}>{answer.answer}</p>
      <div>
        <Badge tone={TONES[grounding]}>{t(`agents.grounding.${grounding}`)}</Badge>
      </div>
      {answer.sources.length > 0 ? (
        <section>
          <h3>{t('agents.preview.sources', { count: answer.sources.length })}</h3>
          <ol className={styles.sources}>
            {answer.sources.map((one) => (
              <SourceRow key={`${one.document_id}-${one.start}-${one.end}`} source={one} />
            ))}
          </ol>
        </section>
      ) : null}
      <p className={styles.soft}>
        {t('agents.field.model')}: <code>{answer.model || t('agents.preview.no_model')}</code>
        {answer.retrieval_ms === null
          ? null
          : ` · ${t('agents.preview.retrieval')} ${formatNumber(answer.retrieval_ms, language)} ms`}
      </p>
    </div>
  );
}

function SourceRow({ source }: { readonly source: Source }) {
  const { t } = useI18n();
  return (
    <li>
      <Link
        to="/documents/$documentId"
        params={{ documentId: source.document_id }}
        search={source.page ? { page: source.page } : {}}
      >
        {source.title || source.document_id}
      </Link>
      {source.page ? <>, {t('agents.preview.page', { page: source.page })}</> : null}
      <blockquote className={styles.quote}>{source.quote}</blockquote>
    </li>
  );
}
