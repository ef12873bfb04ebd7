"""The listening side of a session: the stream of sound, the caller, the words that are already certain."""
