"""Open calls: how many a caller, an organisation and an address may hold at a time, over all gateways; a crashed gateway's are free again in 30 s."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import RateLimited, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.cache import Leases

HELD_S = 30.0
RENEW_EVERY_S = 10.0
RETRY_S = 5.0
_log = structlog.get_logger(__name__)


class OpenCalls:
    """Counts over all replicas. While the cache is away each process has its share of the places, at least one: never unlimited, never closed.

    Calls that began meanwhile are counted everywhere within 10 s of its return.
    """

    def __init__(self, leases: Leases, replicas: Callable[[], int] = lambda: 1) -> None:
        self._leases = leases
        self._replicas = replicas
        self._here: Counter[str] = Counter()
        self._tasks = TaskScope("open_calls")

    @asynccontextmanager
    async def place(self, most: Mapping[str, int]) -> AsyncIterator[None]:
        """Hold one place under each key while the block runs. Raises RateLimited `too_many_calls`."""
        holder, places = new_id("call"), {_hashed(key): count for key, count in most.items()}
        if any(self._here[key] >= count for key, count in places.items()):
            raise _too_many()
        self._here.update(places.keys())
        renewing: asyncio.Task[None] | None = None
        try:
            await self._take(holder, places)
            renewing = self._tasks.start(self._renewed(holder, places), name="renew")
            yield
        finally:
            if renewing is not None:
                renewing.cancel()
            for key in places:
                self._here[key] -= 1
                if self._here[key] <= 0:
                    del self._here[key]
            self._tasks.start(self._returned(holder, places), name="give_back")  # whatever cancels the call

    async def held(self, key: str) -> int:
        """Places taken over all gateways; of this one alone while the cache does not answer."""
        try:
            return await self._leases.held(_hashed(key))
        except Unavailable:
            return self._here[_hashed(key)]

    async def close(self) -> None:
        """Give back what is still being given back."""
        await self._tasks.close(within_s=1.0)

    async def _take(self, holder: str, places: Mapping[str, int]) -> None:
        try:
            full = await self._leases.hold(holder, places, ttl_s=HELD_S)
        except Unavailable:
            _log.warning("calls_counted_locally")
            full = self._full_here(places)
        if full is not None:
            raise _too_many()

    def _full_here(self, places: Mapping[str, int]) -> str | None:
        """The key of which this process holds more than its share, the new place counted."""
        of = self._replicas()
        return next((key for key, most in places.items() if self._here[key] > max(1, -(-most // of))), None)

    async def _renewed(self, holder: str, places: Mapping[str, int]) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            with suppress(Unavailable):
                await self._leases.renew(holder, places.keys(), ttl_s=HELD_S)

    async def _returned(self, holder: str, places: Mapping[str, int]) -> None:
        with suppress(Unavailable):  # it ends by itself
            await self._leases.give_back(holder, places.keys())


def _hashed(key: str) -> str:
    return f"calls:{sha256_hex(key.encode())[:32]}"


def _too_many() -> RateLimited:
    return RateLimited("too_many_calls", "As many calls as allowed are open; end one first.", retry_after_s=RETRY_S)
