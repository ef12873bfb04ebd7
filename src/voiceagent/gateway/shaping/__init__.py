"""Operators' changes to forwarded calls and answers: rules in a file, and hooks of their own."""
