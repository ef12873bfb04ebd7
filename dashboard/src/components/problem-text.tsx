/** A refusal in words a person can act on, with the code and the request's id for whoever looks it up. */

import { useText } from '@/lib/i18n/context';
import { problemMarks, problemMessage } from '@/lib/problem-message';
import styles from './problem-text.module.css';

export function ProblemText({ error }: { readonly error: unknown }) {
  const t = useText();
  const marks = problemMarks(error);
  return (
    <>
      <p>{problemMessage(error, t)}</p>
      {marks ? (
        <p className={styles.marks}>
          <span>
            {t('error.code')} <code>{marks.code}</code>
          </span>
          {marks.requestId ? (
            <span>
              {t('error.request')} <code>{marks.requestId}</code>
            </span>
          ) : null}
        </p>
      ) : null}
    </>
  );
}
