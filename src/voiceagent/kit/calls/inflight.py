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
        """Something is under way for the length of the block. Raises Unavailable `draining` once it is shut."""
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
        """As `ended`, while nothing new is begun: a process that takes more as long as it stops comes to no end, and cuts off the last."""
        self._is_shut = True
        return await self.ended(within_s=within_s)

    async def ended(self, *, within_s: float) -> bool:
        """Wait until nothing is under way, at most `within_s` seconds. Returns whether that came."""
        try:
            async with asyncio.timeout(within_s):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
