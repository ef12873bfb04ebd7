/** Light, dark, or as the system says. The style sheet does the rest by `color-scheme`. */

import { useState } from 'react';
import { keepPreference, preference } from './preferences';

export const SCHEMES = ['system', 'light', 'dark'] as const;
export type Scheme = (typeof SCHEMES)[number];

export function keptScheme(): Scheme {
  const kept = preference('scheme');
  return SCHEMES.find((one) => one === kept) ?? 'system';
}

export function applyScheme(scheme: Scheme): void {
  document.documentElement.dataset.scheme = scheme;
}

export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, setScheme] = useState(keptScheme);
  const change = (wanted: Scheme) => {
    setScheme(wanted);
    applyScheme(wanted);
    keepPreference('scheme', wanted);
  };
  return [scheme, change];
}
