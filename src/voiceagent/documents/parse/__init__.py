"""Readers of files. They run only in the child process that documents/sandbox.py starts, never in a service."""
