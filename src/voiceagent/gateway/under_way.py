"""Requests under way at this gateway, by organisation: one whose calls are slow does not fill the gateway and the services behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from voiceagent.kit.errors import RateLimited

RETRY_S = 1.0


class UnderWay:
    """Counts in this process alone, so that it costs nothing."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._count: Counter[str] = Counter()

    @contextmanager
    def place(self, owner: str) -> Iterator[None]:
        """Hold a place while the block runs. Raises RateLimited `too_many_at_once`."""
        if self._count[owner] >= self.most:
            raise RateLimited(
                "too_many_at_once", "Too many calls of this organisation are under way.", retry_after_s=RETRY_S
            )
        self._count[owner] += 1
        try:
            yield
        finally:
            self._count[owner] -= 1
            if not self._count[owner]:
                del self._count[owner]
