"""The realtime socket: from bytes on a connection to calls of a session and back."""
