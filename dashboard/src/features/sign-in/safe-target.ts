/** Where to go after signing in: a page of this application and nothing else, whatever the address says. Pure. */

const MOST_CHARS = 1_000;

export function safeTarget(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MOST_CHARS) return undefined;
  // "//host" and "/\host" leave for another site.
  return /^\/(?![/\\])/.test(value) && !hasControl(value) ? value : undefined;
}

function hasControl(text: string): boolean {
  return [...text].some((char) => char < ' ');
}
