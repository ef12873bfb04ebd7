/** Figures of this page in words: days of UTC, shares, money. Pure. */

import { formatNumber } from '@/lib/formats';

/** day: as 2026-11-23. */
export function dayWords(day: string, language: string): string {
  const format = { dateStyle: 'medium', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat(language, format).format(new Date(day));
}

/** "3 (12.5 %)"; whole > 0. */
export function shareWords(part: number, whole: number, language: string): string {
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
  return `${formatNumber(part, language)} (${percent.format(part / whole)})`;
}

/** US dollars; small sums keep the digits that tell them apart. */
export function costWords(dollars: number, language: string): string {
  const digits = dollars > 0 && dollars < 1 ? 4 : 2;
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(dollars);
}
