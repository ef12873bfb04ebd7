"""The cache inside the process: `memory://`. Gone when the process ends; bounded in entries."""

from __future__ import annotations

from voiceagent.adapters.cache.limits import check_limit, check_ttl
from voiceagent.kit.clock import Clock, SystemClock

MAX_ENTRIES = 100_000


class MemoryCache:
    """A dict whose entries end. At MAX_ENTRIES the entry that was written longest ago goes first."""

    def __init__(self, clock: Clock, *, max_entries: int = MAX_ENTRIES) -> None:
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
