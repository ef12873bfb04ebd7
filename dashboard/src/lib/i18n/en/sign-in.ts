/** English: signing in. */

export const signIn = {
  'sign_in.title': 'Sign in',
  'sign_in.lead': 'Talk with an agent that knows your documents.',
  'sign_in.email': 'E-mail',
  'sign_in.password': 'Password',
  'sign_in.code': 'Code of the authenticator app',
  'sign_in.code.hint': 'Six digits, or one of your recovery codes.',
  'sign_in.submit': 'Sign in',
  'sign_in.oidc': 'Sign in with your identity provider',
  'sign_in.busy': 'Signing in…',
  'sign_in.ended': 'Sign in to get to that page.',
} as const;
