/** Pseudonyms as they stand in texts that are stored without personal data. Pure. */

const PSEUDONYM = /\[[a-z_]{2,16}:[bcdfghjklmnpqrstvwxz]{10,40}(?:\.\d{1,4})?\]/g;
const MOST = 100;

/** Those in `texts`, each once, in their order; at most as many as can be asked for at once. */
export function pseudonymsIn(texts: readonly string[]): readonly string[] {
  const all = texts.flatMap((text) => text.match(PSEUDONYM) ?? []);
  return [...new Set(all)].slice(0, MOST);
}
