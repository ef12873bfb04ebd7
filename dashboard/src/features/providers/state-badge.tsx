/** How a provider does, at the process that answered. */

import { Badge, type Tone } from '@/components/badge';
import { useText } from '@/lib/i18n/context';
import type { Provider } from './queries';

const TONES = {
  closed: 'good',
  open: 'bad',
  half_open: 'warn',
  failed: 'bad',
  elsewhere: 'plain',
} as const satisfies Record<string, Tone>;

const isKnown = (state: string): state is keyof typeof TONES => Object.hasOwn(TONES, state);

export function StateBadge({ provider }: { readonly provider: Provider }) {
  const t = useText();
  const { enabled, state } = provider;
  if (!enabled) return <Badge>{t('providers.state.off')}</Badge>;
  return isKnown(state) ? (
    <Badge tone={TONES[state]}>{t(`providers.state.${state}`)}</Badge>
  ) : (
    <Badge>{state}</Badge>
  );
}
