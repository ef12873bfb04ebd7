/** What an error means to a person. Pure. */

import { ApiProblem } from '@/api/problem';
import { knownKey, type Translate } from './i18n/messages';

/** Our own words for the code, else the server's, with the wait that it asks for. */
export function problemMessage(error: unknown, t: Translate): string {
  if (!(error instanceof ApiProblem)) return t('error.unexpected');
  const key = knownKey(`error.${error.code}`);
  const words = key ? t(key) : error.message;
  if (error.retryAfterS === null) return words;
  return `${words} ${t('error.retry_after', { seconds: Math.ceil(error.retryAfterS) })}`;
}

/** What to quote when the error is reported; null for errors of the page itself. */
export function problemMarks(error: unknown): { code: string; requestId: string } | null {
  return error instanceof ApiProblem ? { code: error.code, requestId: error.requestId } : null;
}
