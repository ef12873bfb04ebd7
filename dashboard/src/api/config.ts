/** What the server of this page says: the port of the gateway, and how people sign in. Nothing else is configured in the browser. */

export interface Config {
  /** Origin of the gateway, such as https://voice.example.org:8080. */
  readonly gateway: string;
  /** Whether people can sign in with an identity provider. */
  readonly oidc: boolean;
}

export async function loadConfig(place: Location = window.location): Promise<Config> {
  const answer = await fetch('/config.json', { cache: 'no-store', credentials: 'omit' });
  const told: unknown = await answer.json();
  return { gateway: `${place.protocol}//${place.hostname}:${portOf(told)}`, oidc: hasOidc(told) };
}

function portOf(told: unknown): number {
  const port = typeof told === 'object' && told !== null && 'gateway_port' in told ? told.gateway_port : null;
  if (typeof port !== 'number' || !Number.isInteger(port)) {
    throw new Error('config.json names no gateway_port');
  }
  return port;
}

function hasOidc(told: unknown): boolean {
  return typeof told === 'object' && told !== null && 'oidc' in told && told.oidc === true;
}
