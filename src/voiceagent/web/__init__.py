"""ASGI plumbing that every server uses: apps, callers, tokens, limits, problems. No business words, no adapters."""
