"""Parts without business words: clock, errors, ids, tasks, offloading, text, logs, telemetry, cryptography."""
