"""Copies of the database that follow the primary and answer reads which decide nothing."""
