"""The voice module over plain HTTP: a turn in one call, transcriptions, speech."""
