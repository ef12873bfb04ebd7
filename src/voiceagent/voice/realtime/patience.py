"""Tells a caller who waits that the call lives: an event of ours while an answer is owed and nothing else is said. Knows no turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

WORKING_S = 2.0
"""Silence after which a caller who waits for something is told that it is being worked on."""
_LOOKS_EVERY_S = 0.25


class Patience:
    """`sent` is called with every event; `run` sends `working` after each WORKING_S of silence in which `owes` is true."""

    def __init__(self, owes: Callable[[], bool], working: Callable[[], Awaitable[None]]) -> None:
        self._owes = owes
        self._working = working
        self._said_s = 0.0

    def sent(self) -> None:
        """The client was told something."""
        self._said_s = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self.sent()
        while True:
            await asyncio.sleep(_LOOKS_EVERY_S)
            if not self._owes():
                self.sent()
            elif loop.time() - self._said_s >= WORKING_S:
                await self._working()
