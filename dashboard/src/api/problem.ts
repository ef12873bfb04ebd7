/** What a call is refused with: RFC 9457 problem+json of the gateway, or one of our own when nothing came back. */

export interface ProblemParts {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Stable snake_case code, listed in docs/errors.md; `network` when there was no answer. */
  readonly code: string;
  /** What the server says of it, in English. */
  readonly detail: string;
  /** The field that is meant, or null. */
  readonly param?: string | null;
  /** Under which the server logged the call; '' when there was no answer. */
  readonly requestId?: string;
  /** Seconds after which the call may be repeated, or null. */
  readonly retryAfterS?: number | null;
}

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly requestId: string;
  readonly retryAfterS: number | null;

  constructor(parts: ProblemParts, options?: ErrorOptions) {
    super(parts.detail, options);
    this.name = 'ApiProblem';
    this.status = parts.status;
    this.code = parts.code;
    this.param = parts.param ?? null;
    this.requestId = parts.requestId ?? '';
    this.retryAfterS = parts.retryAfterS ?? null;
  }

  /** Whether the same call may succeed a little later. */
  get passes(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** No answer came: the gateway is away, the network is, or the wait was over. */
export function noAnswer(cause: unknown): ApiProblem {
  return new ApiProblem({ status: 0, code: 'network', detail: 'The gateway does not answer.' }, { cause });
}

/** The problem in an answer that is not ok. */
export async function problemOf(answer: Response): Promise<ApiProblem> {
  return problemIn(answer.status, await answer.text().catch(() => ''), (name) => answer.headers.get(name));
}

/** The same from its parts, for answers that did not come by fetch. */
export function problemIn(status: number, body: string, header: (name: string) => string | null): ApiProblem {
  const told = fieldsOf(body);
  const seconds = Number(header('retry-after'));
  return new ApiProblem({
    status,
    code: textOf(told.code) || `http_${status}`,
    detail: textOf(told.detail) || `The gateway refused (${status}).`,
    param: textOf(told.param) || null,
    requestId: textOf(told.request_id) || header('x-request-id') || '',
    retryAfterS: seconds > 0 ? seconds : null,
  });
}

function fieldsOf(body: string): Record<string, unknown> {
  try {
    const told: unknown = JSON.parse(body);
    return typeof told === 'object' && told !== null ? { ...told } : {};
  } catch {
    return {}; // a proxy in between may answer in HTML
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
