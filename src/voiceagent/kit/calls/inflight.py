"""What is under way in this process, counted, so that a process that stops can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from voiceagent.kit.errors import Unavailable


class InFlight:
    """Counts; belongs to one event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._is_shut = False
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def one(self) -> Iterator[None]:
        """Something is under way for the length of the block. Raises Unavailable `draining` once `shut` has come to its end."""
        if self._is_shut:
            raise Unavailable("draining", "this server is about to stop", retry_after_s=1.0)
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._none.set()

    async def shut(self, *, within_s: float) -> bool:
        """As `ended`; from then on nothing is begun, not even in the moment before the process stops, which would cut it off."""
        ends_at_s = asyncio.get_running_loop().time() + within_s
        while self._count and await self.ended(within_s=ends_at_s - asyncio.get_running_loop().time()):
            pass  # in the moment of the last end something new may have begun
        self._is_shut = True
        return self._count == 0

    async def ended(self, *, within_s: float) -> bool:
        """Wait until nothing is under way, at most `within_s` seconds. Returns whether that came."""
        try:
            async with asyncio.timeout(within_s):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
