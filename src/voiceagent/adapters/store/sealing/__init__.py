"""Columns that are encrypted before they reach the database, and the change of the keys that they are under."""
