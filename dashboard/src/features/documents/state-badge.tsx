/** The state of a document, and how far it is while something is done with it. */

import { Badge } from '@/components/badge';
import { Progress } from '@/components/progress';
import { useText } from '@/lib/i18n/context';
import type { Document } from './queries';
import { isState, isUnderWay, toneOf } from './states';

export function StateBadge({
  document,
}: {
  readonly document: Pick<Document, 'state' | 'progress' | 'title'>;
}) {
  const t = useText();
  const { state, progress, title } = document;
  if (!isState(state)) return <Badge>{state}</Badge>;
  const words = t(`documents.state.${state}`);
  return (
    <>
      <Badge tone={toneOf(state)}>{words}</Badge>
      {isUnderWay(state) && progress > 0 ? <Progress label={`${title}: ${words}`} share={progress} /> : null}
    </>
  );
}
