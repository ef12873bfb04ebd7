"""What `voiceagent doctor` asks: whether everything that the settings name is there and answers. Changes nothing."""
