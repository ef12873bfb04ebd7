/** Which settings are looked for. Pure. */

import type { Area, Setting } from './queries';

/** `changed`: whatever is no default. */
export const SOURCES = ['changed', 'file', 'environment', 'flag'] as const;

export interface Sought {
  /** Words that must all stand somewhere in the name, the variable, the meaning or the value. */
  readonly q?: string | undefined;
  readonly area?: string | undefined;
  readonly source?: (typeof SOURCES)[number] | undefined;
}

/** The areas with what is left of them; those of which nothing is left are not there. */
export function found(areas: readonly Area[], sought: Sought): readonly Area[] {
  const words = (sought.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return areas
    .filter((area) => !sought.area || area.name === sought.area)
    .map((area) => ({
      ...area,
      settings: area.settings.filter((one) => comesFrom(one, sought.source) && says(one, words)),
    }))
    .filter((area) => area.settings.length > 0);
}

function comesFrom(setting: Setting, source: Sought['source']): boolean {
  if (!source) return true;
  return source === 'changed' ? setting.source !== 'default' : setting.source === source;
}

function says(setting: Setting, words: readonly string[]): boolean {
  const text = [setting.name, setting.variable, setting.meaning, setting.value ?? ''].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}
