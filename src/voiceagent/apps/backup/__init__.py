"""Backups of an installation: made, checked, restored, kept for a while. The command line is `voiceagent backup`."""
