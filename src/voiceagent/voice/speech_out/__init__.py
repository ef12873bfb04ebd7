"""The speaking side of a session: answers, clauses, the playback clock, what was heard, what is stored."""
