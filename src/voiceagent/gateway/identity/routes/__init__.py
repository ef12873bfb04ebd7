"""The routes of keys, people, roles, signing in and the caller itself."""
