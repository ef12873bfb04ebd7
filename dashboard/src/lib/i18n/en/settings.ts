/** English: the configuration. What each setting means is told by the platform. */

export const settings = {
  'settings.title': 'Configuration',
  'settings.lead': 'What the platform runs by, and where each value comes from. It is only shown here.',
  'settings.whose.all':
    'All services run in one process here: these settings hold for every one of them. Secrets, and credentials in URLs, are never shown.',
  'settings.whose.apart':
    'These are the settings of the gateway’s process. The other services run apart, each by its own environment: run “voiceagent config show --origin” there to see theirs. Secrets, and credentials in URLs, are never shown.',
  'settings.how': 'How a setting is changed',
  'settings.how.file':
    'In the settings file (--config FILE, VOICEAGENT_CONFIG, or voiceagent.toml): a line in the table of its area.',
  'settings.how.environment':
    'By a variable of the environment, which wins over the file. A secret is best read from a file: _FILE behind the variable’s name.',
  'settings.how.flag': 'By a flag when the platform is started, which wins over both.',
  'settings.how.then':
    'It takes effect when the process is started again. “voiceagent config show” tells beforehand whether the value is good; docs/settings.md has all of them on one page.',
  'settings.search': 'Search',
  'settings.area': 'Area',
  'settings.source': 'From',
  'settings.source.changed': 'Not the default',
  'settings.source.default': 'Default',
  'settings.source.file': 'File',
  'settings.source.environment': 'Environment',
  'settings.source.flag': 'Flag',
  'settings.found.one': '{count} setting',
  'settings.found.other': '{count} settings',
  'settings.empty': 'No settings like that',
  'settings.clear': 'Show all',
  'settings.change': 'How to change it',
  'settings.change.of': 'How to change it: {name}',
  'settings.from': 'Comes from',
  'settings.default': 'Default',
  'settings.secret.set': 'Set (secret)',
  'settings.secret.unset': 'Not set',
  'settings.nothing': 'Empty',
  'settings.page.providers': 'Providers are added and changed while the platform runs',
  'settings.page.privacy': 'Retention of this organisation is changed while the platform runs',
  'settings.page.limits': 'What is used of the limits',
} as const;
