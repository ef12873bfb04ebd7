"""`voiceagent providers`."""
