/** What a provider costs, in the unit of its kind. Pure. */

import type { Translate } from '@/lib/i18n/messages';
import type { Provider } from './queries';

type Priced = Pick<Provider, 'kind' | 'price_in' | 'price_out'>;

export function priceWords({ kind, price_in, price_out }: Priced, t: Translate, language: string): string {
  if (price_in === 0 && price_out === 0) return t('providers.price.free');
  const format = new Intl.NumberFormat(language, {
    style: 'currency',
    currency: 'USD',
    maximumFractionDigits: 4,
  });
  const [into, out] = [format.format(price_in), format.format(price_out)];
  return t(`providers.price.${kind}`, kind === 'llm' ? { in: into, out } : { in: into });
}
