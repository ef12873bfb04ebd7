"""How many gateways there are: each says over the cache that it lives. What one does with the number stands elsewhere."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.cache import Leases

KEY = "gateways"
LIVES_S = 15.0
SAYS_EVERY_S = 3.0
SAYS_AGAIN_S = 0.3


class Replicas:
    """The number of gateways, this one included; while the cache is away the last one known. A crashed one counts for 15 s more.

    least: what the operator knows, for a cache that was never reached.
    """

    def __init__(self, leases: Leases, *, least: int = 1) -> None:
        self._leases = leases
        self._least = least
        self._known = 0
        self._name = new_id("gateway")
        self._tasks = TaskScope("replicas")

    def count(self) -> int:
        """From 1."""
        return max(1, self._least, self._known)

    async def start(self) -> None:
        """Say so now, and from then on until it is closed."""
        await self.say()
        self._tasks.start(self._saying(), name="say")

    async def close(self) -> None:
        """This one is gone."""
        await self._tasks.close(within_s=1.0)
        with suppress(Unavailable):
            await self._leases.give_back(self._name, [KEY])

    async def say(self) -> None:
        """This one lives; and how many others do."""
        with suppress(Unavailable):
            await self._leases.renew(self._name, [KEY], ttl_s=LIVES_S)
            self._known = await self._leases.held(KEY)

    async def _saying(self) -> None:
        while True:
            await asyncio.sleep(SAYS_EVERY_S if self._known else SAYS_AGAIN_S)
            await self.say()
