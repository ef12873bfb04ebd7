"""Rows of calls that may be repeated."""
