/** English: what refusals mean to a person. `error.<code>` stands in for what the server says; codes without an entry show the server's words. */

export const errors = {
  'error.title': 'This did not work',
  'error.code': 'Code',
  'error.request': 'Request',
  'error.unexpected': 'Something went wrong in this page.',
  'error.not_found.title': 'Nothing here',
  'error.not_found.text': 'This address leads nowhere, or what it led to is gone.',
  'error.not_found.home': 'Go to the start',
  'error.forbidden.title': 'Not yours to see',
  'error.forbidden.text':
    'Your role lacks the right {scope}. Whoever manages people here can give it to you.',
  'error.network':
    'The gateway does not answer. Check that the platform is running and that you are connected.',
  'error.bad_sign_in': 'The e-mail or the password is wrong.',
  'error.second_factor_needed': 'This account also needs the code of its authenticator app.',
  'error.second_factor_wrong': 'This is not the code that the app shows now.',
  'error.oidc_failed': 'Signing in with the identity provider did not work. Try once more.',
  'error.oidc_issuer':
    'The identity provider is not set up as it should be. Tell whoever runs this platform.',
  'error.oidc_unavailable': 'The identity provider does not answer. Try again in a moment.',
  'error.oidc_unknown_person':
    'The identity provider knows you, this platform does not. Ask whoever manages people here for an invitation.',
  'error.rate_limited': 'Too many tries. Wait a little, then try again.',
  'error.insufficient_scope': 'Your role does not allow this.',
  'error.operators_only': 'Only the organisation that runs the platform may do this.',
  'error.document_not_found': 'There is no such document, or you may not read it.',
  'error.conversation_not_found': 'There is no such conversation, or you may not read it.',
  'error.retry_after': 'Again possible in {seconds} s.',
} as const;
