/** German: the configuration. What each setting means is told by the platform, in English. */

export const settings = {
  'settings.title': 'Konfiguration',
  'settings.lead':
    'Wonach die Plattform arbeitet, und woher jeder Wert kommt. Hier wird das nur angezeigt; die Erklärungen sind auf Englisch.',
  'settings.whose.all':
    'Alle Dienste laufen hier in einem Prozess: Diese Einstellungen gelten für jeden von ihnen. Geheimnisse, auch in URLs, werden nie angezeigt.',
  'settings.whose.apart':
    'Dies sind die Einstellungen des Gateway-Prozesses. Die anderen Dienste laufen getrennt, jeder nach seiner eigenen Umgebung: „voiceagent config show --origin“ zeigt dort die ihren. Geheimnisse, auch in URLs, werden nie angezeigt.',
  'settings.how': 'So wird eine Einstellung geändert',
  'settings.how.file':
    'In der Einstellungsdatei (--config DATEI, VOICEAGENT_CONFIG oder voiceagent.toml): eine Zeile in der Tabelle ihres Bereichs.',
  'settings.how.environment':
    'Durch eine Umgebungsvariable; sie gilt vor der Datei. Ein Geheimnis wird am besten aus einer Datei gelesen: _FILE hinter dem Namen der Variablen.',
  'settings.how.flag': 'Durch eine Option beim Start; sie gilt vor beiden.',
  'settings.how.then':
    'Es wirkt, sobald der Prozess neu gestartet ist. „voiceagent config show“ sagt vorher, ob der Wert gültig ist; in docs/settings.md stehen alle auf einer Seite.',
  'settings.search': 'Suche',
  'settings.area': 'Bereich',
  'settings.source': 'Herkunft',
  'settings.source.changed': 'Nicht die Vorgabe',
  'settings.source.default': 'Vorgabe',
  'settings.source.file': 'Datei',
  'settings.source.environment': 'Umgebung',
  'settings.source.flag': 'Option',
  'settings.found.one': '{count} Einstellung',
  'settings.found.other': '{count} Einstellungen',
  'settings.empty': 'Keine solchen Einstellungen',
  'settings.clear': 'Alle anzeigen',
  'settings.change': 'So wird sie geändert',
  'settings.change.of': 'So wird sie geändert: {name}',
  'settings.from': 'Kommt aus',
  'settings.default': 'Vorgabe',
  'settings.secret.set': 'Gesetzt (geheim)',
  'settings.secret.unset': 'Nicht gesetzt',
  'settings.nothing': 'Leer',
  'settings.page.providers': 'Anbieter werden im laufenden Betrieb hinzugefügt und geändert',
  'settings.page.privacy': 'Die Aufbewahrung dieser Organisation wird im laufenden Betrieb geändert',
  'settings.page.limits': 'Was von den Grenzen genutzt ist',
};
