"""Limits counted in this process: GCRA, what it knows of callers while the cache counts, and what it owes the cache afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.ports.cache import Owed, Taken, Taking

KEPT = 10_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, then `per_s` calls a second. name: shown to callers in RateLimit-Policy."""

    name: str
    per_s: float
    burst: int


def gcra(arrival_s: float, now_s: float, *, rate_per_s: float, burst: float, cost: int = 1) -> tuple[float, float]:
    """Generic cell rate algorithm: (seconds to wait, theoretical arrival time to store); waiting means nothing was taken.

    arrival_s: the stored theoretical arrival time, 0.0 for a caller without history.
    """
    interval_s = 1.0 / rate_per_s
    base_s = max(arrival_s, now_s)
    next_s = base_s + cost * interval_s
    wait_s = next_s - now_s - burst * interval_s
    return (wait_s, arrival_s) if wait_s > 1e-9 else (0.0, next_s)


class LocalBuckets:
    """GCRA in this process, for at most `keys` callers; the longest unused are forgotten first. `of`: how many such processes share the limit."""

    def __init__(self, *, keys: int = 10_000, clock: Clock | None = None) -> None:
        self._keys = keys
        self._clock = clock or SystemClock()
        self._arrivals: dict[str, float] = {}

    def allow(self, key: str, rate: Rate, cost: int = 1, *, of: int = 1) -> float:
        """0.0 when allowed (and taken), otherwise the seconds to wait. A cost above the share of the burst waits for all of the share."""
        arrival_s = self._arrivals.get(key, 0.0)
        share = max(1.0, rate.burst / of, cost)
        wait_s, arrival_s = gcra(
            arrival_s, self._clock.monotonic_s(), rate_per_s=rate.per_s / of, burst=share, cost=cost
        )
        self._keep(key, arrival_s)
        return wait_s

    def told(self, key: str, full_in_s: float) -> None:
        """The shared budget is whole again after so many seconds, and so is this process's share of it."""
        self._keep(key, self._clock.monotonic_s() + full_in_s)

    def _keep(self, key: str, arrival_s: float) -> None:
        self._arrivals.pop(key, None)
        while len(self._arrivals) >= self._keys:
            del self._arrivals[next(iter(self._arrivals))]
        self._arrivals[key] = arrival_s


class Debts:
    """What this process let through while the cache did not answer, by key, until the cache is told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, tuple[Taken, float]] = {}  # what the cache said, and when
        self._owed: dict[str, tuple[Rate, Owed]] = {}  # since: as a time of the clock, not as a duration

    def told(self, key: str, taken: Taken) -> None:
        """The cache has said this of a budget."""
        _put(self._told, key, (taken, self._clock.monotonic_s()))

    def add(self, key: str, rate: Rate, cost: int) -> None:
        """So much more was let through."""
        _, owed = self._owed.get(key, (rate, None))
        if owed is None:
            last, since_s = self._told.get(key, (None, self._clock.monotonic_s()))
            owed = Owed(0, since_s, last)
        _put(self._owed, key, (rate, replace(owed, units=owed.units + cost)))

    def take(self, count: int) -> list[Taking]:
        """At most `count` of them, no longer owed: whether a cache that fails just then has noted them is not known, and nobody pays twice."""
        now_s, found = self._clock.monotonic_s(), [(key, *self._owed.pop(key)) for key in list(self._owed)[:count]]
        return [
            Taking(key, rate.per_s, rate.burst, 0, replace(owed, since_s=now_s - owed.since_s))
            for key, rate, owed in found
        ]


def _put(kept: dict[str, Value], key: str, value: Value) -> None:
    """As the newest of at most KEPT."""
    kept.pop(key, None)
    if len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
