"""Calls with an Idempotency-Key: their effect happens once, and its answer is given again."""
