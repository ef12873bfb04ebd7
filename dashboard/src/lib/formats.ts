/** Numbers, sizes and moments as a person reads them, in their language. Pure. */

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Decimal units: 1 MB is 1,000,000 bytes. */
export function formatBytes(bytes: number, language: string): string {
  const step = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const format = {
    style: 'unit',
    unit: UNITS[step] ?? 'byte',
    maximumFractionDigits: step ? 1 : 0,
    unitDisplay: step ? 'short' : 'long',
  } as const;
  return new Intl.NumberFormat(language, format).format(bytes / 1000 ** step);
}

export function formatNumber(value: number, language: string, fraction = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: fraction }).format(value);
}

/** "3 minutes ago" up to a week, then the date. */
export function formatAgo(moment: Date, now: Date, language: string): string {
  const seconds = (moment.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  if (Math.abs(seconds) > 7 * 86_400) return formatDate(moment, language);
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(Math.trunc(seconds), 'second');
}

export function formatDate(moment: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(moment);
}

export function formatMoment(moment: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(moment);
}

/** "German" for "de"; the code itself when the browser knows no name. */
export function formatLanguage(code: string, language: string): string {
  try {
    return new Intl.DisplayNames(language, { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}
