/** What a person likes, kept in this browser: appearance and language. Never a credential, never data of the platform. */

const PREFIX = 'voiceagent.';

export type Preference = 'scheme' | 'language';

export function preference(name: Preference): string | null {
  try {
    return window.localStorage.getItem(PREFIX + name);
  } catch {
    return null; // storage may be switched off
  }
}

export function keepPreference(name: Preference, value: string): void {
  try {
    window.localStorage.setItem(PREFIX + name, value);
  } catch {
    // then it holds until the page is closed
  }
}
