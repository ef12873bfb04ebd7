/** German: what refusals mean to a person. */

export const errors = {
  'error.title': 'Das hat nicht geklappt',
  'error.code': 'Code',
  'error.request': 'Anfrage',
  'error.unexpected': 'In dieser Seite ist etwas schiefgegangen.',
  'error.not_found.title': 'Hier ist nichts',
  'error.not_found.text': 'Diese Adresse führt nirgendwohin, oder ihr Ziel gibt es nicht mehr.',
  'error.not_found.home': 'Zum Anfang',
  'error.forbidden.title': 'Nicht für dich bestimmt',
  'error.forbidden.text':
    'Deiner Rolle fehlt das Recht {scope}. Wer hier die Personen verwaltet, kann es vergeben.',
  'error.network':
    'Das Gateway antwortet nicht. Bitte prüfen, ob die Plattform läuft und die Verbindung steht.',
  'error.bad_sign_in': 'Die E-Mail-Adresse oder das Passwort ist falsch.',
  'error.second_factor_needed': 'Dieses Konto braucht auch den Code seiner Authenticator-App.',
  'error.second_factor_wrong': 'Das ist nicht der Code, den die App gerade zeigt.',
  'error.oidc_failed':
    'Die Anmeldung über den Identitätsanbieter ist nicht gelungen. Bitte noch einmal versuchen.',
  'error.oidc_issuer':
    'Der Identitätsanbieter ist nicht richtig eingerichtet. Bitte der Person sagen, die diese Plattform betreibt.',
  'error.oidc_unavailable': 'Der Identitätsanbieter antwortet nicht. Bitte gleich noch einmal versuchen.',
  'error.oidc_unknown_person':
    'Der Identitätsanbieter kennt dich, diese Plattform nicht. Bitte um eine Einladung bitten.',
  'error.rate_limited': 'Zu viele Versuche. Bitte kurz warten und dann noch einmal versuchen.',
  'error.insufficient_scope': 'Deine Rolle erlaubt das nicht.',
  'error.operators_only': 'Das darf nur die Organisation, die die Plattform betreibt.',
  'error.document_not_found': 'Dieses Dokument gibt es nicht, oder du darfst es nicht lesen.',
  'error.conversation_not_found': 'Dieses Gespräch gibt es nicht, oder du darfst es nicht lesen.',
  'error.retry_after': 'Wieder möglich in {seconds} s.',
};
