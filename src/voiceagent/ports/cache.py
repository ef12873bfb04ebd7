"""What may be lost: cached values, counters, sessions, one-time tickets, places of which there are only so many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Leases(Protocol):
    """Places of which only so many may be taken at a time, over all processes. Every call raises Unavailable `cache_unavailable` within 150 ms."""

    async def hold(self, holder: str, most: Mapping[str, int], *, ttl_s: float) -> str | None:
        """Take one place under each key, all or none, in one step. None when held; the key of which `most` are taken otherwise.

        A place whose holder does not renew it is free again after `ttl_s`, so that nobody's crash keeps it.
        """
        ...

    async def renew(self, holder: str, keys: Collection[str], *, ttl_s: float) -> None:
        """Hold on for `ttl_s` from now, also to what was lost in between. Never refused."""
        ...

    async def give_back(self, holder: str, keys: Collection[str]) -> None:
        """The places are free. Idempotent."""
        ...

    async def held(self, key: str) -> int:
        """How many places are taken."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """wait_s: 0.0 when allowed.  full_in_s: until the budget is whole again if nobody takes more.

    given: units that the budget has given so far, what was owed included; begins anew for one long unused.
    """

    wait_s: float
    full_in_s: float
    given: int


@dataclass(frozen=True, slots=True)
class Owed:
    """Units that were let through without asking. last: what the cache said before that, if it did; since_s: how long ago."""

    units: int
    since_s: float
    last: Taken | None = None


@dataclass(frozen=True, slots=True)
class Taking:
    """`cost` units of a budget that grows by `rate_per_s` up to `burst`. With something owed, cost may be 0."""

    key: str
    rate_per_s: float
    burst: int
    cost: int = 1
    owed: Owed | None = None


class Cache(Protocol):
    """Small values with a time to live. Losing all of it at any moment costs speed, never truth."""

    leases: Leases

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or expired. Raises Unavailable `cache_unavailable` within 150 ms, never later."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store or replace. ttl_s: above 0. Raises Unavailable `cache_unavailable`."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Read and remove in one step: of any number of racers exactly one gets the value."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it if it is there."""
        ...

    async def allow(self, takings: Sequence[Taking]) -> list[Taken]:
        """GCRA over all keys in one step: waits of 0.0 when every cost is allowed now (and taken); otherwise no cost was taken.

        A wait above 0.0 tells the seconds until that key's cost would be allowed. What is owed is taken first, whatever the budget holds: it
        is then as full as if it had been asked for all that was given and let through since. Raises InvalidInput `bad_limit`.
        """
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
