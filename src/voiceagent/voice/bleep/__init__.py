"""Personal data out of the recordings of calls, after they have ended."""
