"""What may be lost: cached values, counters, sessions, one-time tickets."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Small values with a time to live. Losing all of it at any moment costs speed, never truth."""

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

    async def allow(self, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
        """GCRA: 0.0 when `cost` units are allowed now (and taken), otherwise the seconds until they would be (nothing taken)."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
