/** Reads search parameters. Whatever does not fit is as if it were not there: an address is typed, shared and grows old. */

export type RawSearch = Record<string, unknown>;

/** A text of at most `most` characters. */
export function textParam(raw: RawSearch, name: string, most = 128): string | undefined {
  const value = raw[name];
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text.length > 0 && text.length <= most ? text : undefined;
}

export function choiceParam<const T extends string | number>(
  raw: RawSearch,
  name: string,
  choices: readonly T[],
): T | undefined {
  return choices.find((one) => one === raw[name]);
}

/** A moment in ISO 8601 with its offset, as the API gives it. */
export function momentParam(raw: RawSearch, name: string): string | undefined {
  const text = textParam(raw, name, 40);
  return text && /T.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : undefined;
}

/** A code of a problem. */
export function codeParam(raw: RawSearch, name: string): string | undefined {
  const text = textParam(raw, name, 64);
  return text && /^[a-z_]+$/.test(text) ? text : undefined;
}

/** A whole number from 1 on. */
export function countParam(raw: RawSearch, name: string): number | undefined {
  const value = raw[name];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

/**
 * What `validateSearch` gives back. Parameters that do not fit stay in it as undefined: the router lays this over what stands in the
 * address, so that one which is left out would come through unread.
 */
export function validated<T extends Record<string, unknown>>(params: T): { [K in keyof T]?: T[K] } {
  return params;
}

/** Without what is undefined, for those who tell "not there" from undefined. */
export function present<T extends Record<string, unknown>>(
  params: T,
): { [K in keyof T]?: NonNullable<T[K]> } {
  const kept = Object.entries(params).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]?: NonNullable<T[K]> };
}
