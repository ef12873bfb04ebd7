"""The command `voiceagent events`."""
