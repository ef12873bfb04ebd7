"""The command `voiceagent backup`. What it does stands in apps/backup."""
