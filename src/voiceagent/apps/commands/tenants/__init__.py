"""The command `voiceagent tenants`."""
