/** Sends a form with a file and tells how far it is, which fetch cannot. */

import { ApiProblem, noAnswer, problemIn } from './problem';
import type { Session } from './session';

export interface Sending {
  /** 0 to 1, of the bytes that have left. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** The parsed body of the answer. Throws an ApiProblem; `cancelled` when the signal was given. */
export function upload(session: Session, path: string, form: FormData, sending: Sending): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', session.gateway + path);
    request.withCredentials = true;
    request.setRequestHeader('x-csrf-token', session.csrfToken);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) sending.onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(noAnswer(null));
    request.onabort = () => reject(new ApiProblem({ status: 0, code: 'cancelled', detail: 'Cancelled.' }));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problemIn(request.status, request.responseText, (name) => request.getResponseHeader(name)));
    };
    const abort = () => request.abort();
    sending.signal.addEventListener('abort', abort, { once: true });
    request.onloadend = () => sending.signal.removeEventListener('abort', abort);
    request.send(form);
  });
}
