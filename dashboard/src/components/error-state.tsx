/** In place of what could not be loaded. */

import { useText } from '@/lib/i18n/context';
import { Button } from './button';
import { Notice } from './notice';
import { ProblemText } from './problem-text';

interface Props {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

export function ErrorState({ error, onRetry }: Props) {
  const t = useText();
  return (
    <Notice tone="bad" action={onRetry ? <Button onClick={onRetry}>{t('common.retry')}</Button> : null}>
      <strong>{t('error.title')}</strong>
      <ProblemText error={error} />
    </Notice>
  );
}
