"""The realtime protocol, translated: client events in, server events out, the session object between. Pure; no socket, no clock."""
