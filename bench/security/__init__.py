"""Attacks on a running platform, counted."""
