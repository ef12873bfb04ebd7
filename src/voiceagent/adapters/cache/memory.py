"""The cache inside the process: `memory://`. Gone when the process ends; bounded in entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from voiceagent.adapters.cache.limits import check_limits, check_ttl
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.ports.cache import Taken, Taking

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
        self._budgets: dict[
            str, tuple[float, int]
        ] = {}  # key: theoretical arrival time of the next unit (GCRA), units given

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

    async def allow(self, takings: Sequence[Taking]) -> list[Taken]:
        check_limits(takings)
        now_s = self._clock.monotonic_s()
        budgets = [self._charged(one, now_s) for one in takings]
        waits_s = [
            max(0.0, arrival_s + (one.cost - one.burst) / one.rate_per_s - now_s) if one.cost else 0.0
            for one, (arrival_s, _) in zip(takings, budgets, strict=True)
        ]
        if not any(waits_s):
            for one, (arrival_s, given) in zip(takings, budgets, strict=True):
                self._keep(one.key, arrival_s + one.cost / one.rate_per_s, given + one.cost)
        after = [self._budgets[one.key] for one in takings]
        return [Taken(wait_s, full_s - now_s, given) for wait_s, (full_s, given) in zip(waits_s, after, strict=True)]

    def _charged(self, one: Taking, now_s: float) -> tuple[float, int]:
        """The budget of a key after what is owed."""
        arrival_s, given = self._budgets.get(one.key, (now_s, 0))
        arrival_s, owed = max(arrival_s, now_s), one.owed
        if owed is not None:
            last, full_in_s, others = owed.last, 0.0, 0
            if last is not None and last.given <= given:
                full_in_s, others = last.full_in_s, given - last.given
            arrival_s = max(arrival_s, now_s + full_in_s + (owed.units + others) / one.rate_per_s - owed.since_s)
            given += owed.units
        self._keep(one.key, arrival_s, given)
        return arrival_s, given

    def _keep(self, key: str, arrival_s: float, given: int) -> None:
        self._budgets.pop(key, None)
        if len(self._budgets) >= self._max_entries:
            self._forget(self._clock.monotonic_s())
        self._budgets[key] = (arrival_s, given)

    def _forget(self, now_s: float) -> None:
        """Drop limits that are full again; when none is, the one untouched longest, so that memory stays bounded."""
        self._budgets = {key: budget for key, budget in self._budgets.items() if budget[0] > now_s}
        if len(self._budgets) >= self._max_entries:
            del self._budgets[next(iter(self._budgets))]

    async def close(self) -> None:
        self._values.clear()
        self._budgets.clear()


def open_cache(url: str, *, clock: Clock | None = None) -> MemoryCache:
    """A fresh cache of this process; `url` is `memory://`."""
    return MemoryCache(clock or SystemClock())
