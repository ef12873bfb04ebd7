/** What the file says of itself: names and values as they are, since nobody knows beforehand which there are. */

import { Facts } from '@/components/facts';
import { useText } from '@/lib/i18n/context';

export function MetadataFacts({ metadata }: { readonly metadata: Readonly<Record<string, unknown>> }) {
  const t = useText();
  const facts = Object.entries(metadata).map(([name, value]) => [readable(name), shown(value)] as const);
  if (facts.length === 0) return <p>{t('documents.detail.no_metadata')}</p>;
  return <Facts facts={facts} />;
}

function readable(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value).length > 0 ? JSON.stringify(value) : '';
  }
  return String(value ?? '');
}
