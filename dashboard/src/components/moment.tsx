/** A moment as people speak of it; the exact one in its tooltip and in `datetime`. */

import { formatAgo, formatMoment } from '@/lib/formats';
import { useI18n } from '@/lib/i18n/context';

interface Props {
  /** ISO 8601. */
  readonly at: string;
  readonly exact?: boolean;
}

export function Moment({ at, exact = false }: Props) {
  const { language } = useI18n();
  const moment = new Date(at);
  const whole = formatMoment(moment, language);
  return (
    <time dateTime={at} title={whole}>
      {exact ? whole : formatAgo(moment, new Date(), language)}
    </time>
  );
}
