"""No second look: searches keep the order of words and meaning."""

from __future__ import annotations


def open_rerank(url: str) -> None:
    """There is nothing to open for `none://`."""
    del url
