/** German: the audit log. */

export const audit = {
  'audit.title': 'Audit-Protokoll',
  'audit.lead': 'Wer was getan hat, das Neueste zuerst. Jeder Eintrag ist mit dem davor verkettet.',
  'audit.empty': 'Keine solchen Einträge',
  'audit.empty.hint': 'Nimm einen Filter weg, um mehr zu sehen.',
  'audit.filter.action': 'Aktion',
  'audit.filter.subject': 'Wer',
  'audit.filter.object_id': 'Woran',
  'audit.filter.request_id': 'Anfrage',
  'audit.filter.since': 'Von',
  'audit.filter.until': 'Bis',
  'audit.search': 'Suchen',
  'audit.clear': 'Zurücksetzen',
  'audit.export': '{format} ausgeben',
  'audit.column.action': 'Aktion',
  'audit.column.at': 'Wann',
  'audit.column.subject': 'Wer',
  'audit.column.object': 'Woran',
  'audit.column.more': 'Eintrag',
  'audit.record': 'Nr. {number}',
  'audit.sha256': 'SHA-256',
};
