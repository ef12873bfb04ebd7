/** German: a call with the agent. */

export const talk = {
  'talk.lead': 'Frag laut oder schriftlich. Du darfst der Antwort ins Wort fallen.',
  'talk.agent': 'Agent',
  'talk.start': 'Sprechen',
  'talk.starting': 'Verbinde …',
  'talk.end': 'Auflegen',
  'talk.without_microphone': 'Schriftlich weiter',
  'talk.mute': 'Stumm',
  'talk.level': 'Pegel des Mikrofons',
  'talk.controls': 'Anruf',
  'talk.activity.idle': 'Nicht verbunden',
  'talk.activity.starting': 'Erlaube das Mikrofon, wenn der Browser fragt.',
  'talk.activity.listening': 'Hört zu',
  'talk.activity.hearing': 'Hört dich',
  'talk.activity.thinking': 'Denkt nach',
  'talk.activity.slow': 'Denkt noch nach …',
  'talk.activity.speaking': 'Spricht',
  'talk.activity.muted': 'Stumm',
  'talk.activity.writing': 'Bereit für das, was du schreibst',
  'talk.activity.broken': 'Verbinde erneut …',
  'talk.activity.ended': 'Der Anruf ist zu Ende',
  'talk.broken':
    'Die Verbindung ist abgerissen und wird neu aufgebaut. Was gerade gesagt wurde, kommt noch einmal.',
  'talk.microphone.lost': 'Das Mikrofon ist weg. Mach schriftlich weiter, oder leg auf und beginne von vorn.',
  'talk.microphone.off':
    'Dieser Anruf hat kein Mikrofon: Gefragt wird, was du schreibst, und die Antworten werden gesprochen.',
  'talk.ended': 'Was gesagt wurde, bleibt als Gespräch.',
  'talk.ended.link': 'Gespräch öffnen',
  'talk.idle': 'Noch ist nichts gesagt',
  'talk.idle.hint':
    'Was beide Seiten sagen, erscheint hier, während du sprichst. Fragen werden aus den Dokumenten beantwortet, die du lesen darfst.',
  'talk.idle.write': 'Schriftlich beginnen',
  'talk.transcript': 'Mitschrift',
  'talk.transcript.empty': 'Was beide Seiten sagen, steht hier.',
  'talk.you': 'Du',
  'talk.they': 'Agent',
  'talk.interrupted': 'Unterbrochen',
  'talk.unclear': 'Es waren keine Worte zu verstehen.',
  'talk.answer_after': 'Erster Ton nach {ms} ms',
  'talk.write': 'Statt zu sprechen schreiben',
  'talk.send': 'Senden',
  'error.microphone_refused':
    'Der Browser darf das Mikrofon nicht benutzen. Erlaube es neben der Adresse dieser Seite und beginne noch einmal.',
  'error.microphone_missing': 'Es wurde kein Mikrofon gefunden. Schließ eines an und beginne noch einmal.',
  'error.microphone_busy':
    'Das Mikrofon lässt sich nicht öffnen. Vielleicht benutzt es ein anderes Programm.',
  'error.microphone_insecure':
    'Der Browser gibt das Mikrofon nur Seiten, die über HTTPS oder von diesem Rechner selbst kommen.',
  'error.sound_unavailable': 'Der Browser kann hier keinen Ton spielen oder aufnehmen.',
  'error.call_refused':
    'Das Gateway hat den Anruf abgelehnt. Vielleicht gibt es den Agenten nicht mehr, oder es sind zu viele Anrufe offen.',
  'error.call_lost': 'Die Verbindung ist abgerissen und ließ sich nicht wieder aufbauen.',
  'error.call_rights_ended': 'Der Anruf ist zu Ende, weil deine Sitzung oder dein Recht zu sprechen endete.',
  'error.call_failed': 'Die Antwort ist gescheitert.',
};
