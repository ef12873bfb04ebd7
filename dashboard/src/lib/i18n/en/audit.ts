/** English: the audit log. */

export const audit = {
  'audit.title': 'Audit log',
  'audit.lead': 'Who did what, newest first. Each record is chained to the one before it.',
  'audit.empty': 'No records like that',
  'audit.empty.hint': 'Take a filter away to see more.',
  'audit.filter.action': 'Action',
  'audit.filter.subject': 'Who',
  'audit.filter.object_id': 'To what',
  'audit.filter.request_id': 'Request',
  'audit.filter.since': 'From',
  'audit.filter.until': 'Until',
  'audit.search': 'Search',
  'audit.clear': 'Clear',
  'audit.export': 'Export {format}',
  'audit.column.action': 'Action',
  'audit.column.at': 'When',
  'audit.column.subject': 'Who',
  'audit.column.object': 'To what',
  'audit.column.more': 'Record',
  'audit.record': 'No. {number}',
  'audit.sha256': 'SHA-256',
} as const;
