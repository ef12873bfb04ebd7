/** German: signing in. */

export const signIn = {
  'sign_in.title': 'Anmelden',
  'sign_in.lead': 'Sprich mit einem Agenten, der deine Dokumente kennt.',
  'sign_in.email': 'E-Mail',
  'sign_in.password': 'Passwort',
  'sign_in.code': 'Code der Authenticator-App',
  'sign_in.code.hint': 'Sechs Ziffern, oder einer der Wiederherstellungscodes.',
  'sign_in.submit': 'Anmelden',
  'sign_in.oidc': 'Mit deinem Identitätsanbieter anmelden',
  'sign_in.busy': 'Wird angemeldet…',
  'sign_in.ended': 'Bitte anmelden, um zu dieser Seite zu kommen.',
};
