"""The cache inside the process: `memory://`. Gone when the process ends; bounded in entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from voiceagent.adapters.cache.limits import check_limit, check_ttl
from voiceagent.kit.clock import Clock, SystemClock

MAX_ENTRIES = 100_000


class MemoryLeases:
    """Places taken in this process; keys nobody holds are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[str, dict[str, float]] = {}  # key: holder: when the place is free again

    async def hold(self, holder: str, most: Mapping[str, int], *, ttl_s: float) -> str | None:
        check_ttl(ttl_s)
        for key, places in most.items():
            taken = self._standing(key)
            if holder not in taken and len(taken) >= places:
                return key
        await self.renew(holder, most.keys(), ttl_s=ttl_s)
        return None

    async def renew(self, holder: str, keys: Collection[str], *, ttl_s: float) -> None:
        check_ttl(ttl_s)
        for key in keys:
            self._taken.setdefault(key, {})[holder] = self._clock.monotonic_s() + ttl_s

    async def give_back(self, holder: str, keys: Collection[str]) -> None:
        for key in keys:
            self._taken.get(key, {}).pop(holder, None)
            self._standing(key)

    async def held(self, key: str) -> int:
        return len(self._standing(key))

    def _standing(self, key: str) -> dict[str, float]:
        now_s = self._clock.monotonic_s()
        standing = {holder: ends_s for holder, ends_s in self._taken.pop(key, {}).items() if ends_s > now_s}
        if standing:
            self._taken[key] = standing
        return standing


class MemoryCache:
    """A dict whose entries end. At MAX_ENTRIES the entry that was written longest ago goes first."""

    def __init__(self, clock: Clock, *, max_entries: int = MAX_ENTRIES) -> None:
        self.leases = MemoryLeases(clock)
        self._clock = clock
        self._max_entries = max_entries
        self._values: dict[str, tuple[float, bytes]] = {}  # key: when it ends, value; in order of writing
        self._arrivals: dict[str, float] = {}  # key: theoretical arrival time of the next unit (GCRA)

    async def get(self, key: str) -> bytes | None:
        entry = self._values.get(key)
        if entry is None:
            return None
        ends_s, value = entry
        if ends_s <= self._clock.monotonic_s():
            del self._values[key]
            return None
        return value

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        check_ttl(ttl_s)
        self._values.pop(key, None)
        if len(self._values) >= self._max_entries:
            del self._values[next(iter(self._values))]
        self._values[key] = (self._clock.monotonic_s() + ttl_s, value)

    async def take(self, key: str) -> bytes | None:
        value = await self.get(key)
        self._values.pop(key, None)
        return value

    async def delete(self, key: str) -> None:
        self._values.pop(key, None)

    async def allow(self, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
        check_limit(rate_per_s, burst, cost)
        now_s = self._clock.monotonic_s()
        arrival_s = max(self._arrivals.pop(key, now_s), now_s)
        wait_s = arrival_s + (cost - burst) / rate_per_s - now_s
        if wait_s <= 0:
            arrival_s += cost / rate_per_s
        if len(self._arrivals) >= self._max_entries:
            self._forget(now_s)
        self._arrivals[key] = arrival_s
        return max(wait_s, 0.0)

    def _forget(self, now_s: float) -> None:
        """Drop limits that are full again; when none is, the one untouched longest, so that memory stays bounded."""
        self._arrivals = {key: arrival_s for key, arrival_s in self._arrivals.items() if arrival_s > now_s}
        if len(self._arrivals) >= self._max_entries:
            del self._arrivals[next(iter(self._arrivals))]

    async def close(self) -> None:
        self._values.clear()
        self._arrivals.clear()


def open_cache(url: str, *, clock: Clock | None = None) -> MemoryCache:
    """A fresh cache of this process; `url` is `memory://`."""
    return MemoryCache(clock or SystemClock())
