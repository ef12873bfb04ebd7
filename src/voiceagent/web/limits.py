"""How fast callers may call: GCRA over the shared cache, the same arithmetic in the process when the cache does not answer. Never unlimited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import structlog
from starlette.requests import HTTPConnection

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import RateLimited, Unavailable
from voiceagent.ports.cache import Cache
from voiceagent.web.context import context_of

_log = structlog.get_logger(__name__)
_RETRY_CACHE_S = 5.0
_REFUSED_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, then `per_s` calls a second. name: shown to callers in RateLimit-Policy."""

    name: str
    per_s: float
    burst: int


def gcra(arrival_s: float, now_s: float, *, rate_per_s: float, burst: int, cost: int = 1) -> tuple[float, float]:
    """Generic cell rate algorithm: (seconds to wait, theoretical arrival time to store); waiting means nothing was taken.

    arrival_s: the stored theoretical arrival time, 0.0 for a caller without history.
    """
    interval_s = 1.0 / rate_per_s
    base_s = max(arrival_s, now_s)
    next_s = base_s + cost * interval_s
    wait_s = next_s - now_s - burst * interval_s
    return (wait_s, arrival_s) if wait_s > 1e-9 else (0.0, next_s)


@lru_cache(maxsize=256)
def _policy(rate: Rate) -> str:
    """What RateLimit-Policy says of a rate."""
    return f'"{rate.name}";q={rate.burst};w={max(1, round(rate.burst / rate.per_s))}'


@lru_cache(maxsize=4096)
def _key(name: str, owner: str) -> str:
    """The cache's key of a budget: the owner hashed, because addresses and e-mails are nobody's business there."""
    return f"limit:{name}:{sha256_hex(owner.encode())[:32]}"


class LocalBuckets:
    """GCRA in this process, for at most `keys` callers; the longest unused are forgotten first."""

    def __init__(self, *, keys: int = 10_000, clock: Clock | None = None) -> None:
        self._keys = keys
        self._clock = clock or SystemClock()
        self._arrivals: dict[str, float] = {}

    def allow(self, key: str, rate: Rate, cost: int = 1) -> float:
        """0.0 when allowed (and taken), otherwise the seconds to wait."""
        arrival_s = self._arrivals.pop(key, 0.0)
        wait_s, arrival_s = gcra(
            arrival_s, self._clock.monotonic_s(), rate_per_s=rate.per_s, burst=rate.burst, cost=cost
        )
        while len(self._arrivals) >= self._keys:
            del self._arrivals[next(iter(self._arrivals))]
        self._arrivals[key] = arrival_s
        return wait_s


class Limiter:
    """Counts calls by key over all replicas. While the cache is down, each process counts for itself."""

    def __init__(self, cache: Cache, *, clock: Clock | None = None) -> None:
        self._cache = cache
        self._clock = clock or SystemClock()
        self._local = LocalBuckets(clock=self._clock)
        self._refused: dict[str, float] = {}
        self._cache_down_until_s = 0.0

    async def take(self, conn: HTTPConnection, rate: Rate, *owners: str, cost: int = 1) -> None:
        """Take `cost` calls from the budget of every owner (an address, a key, a tenant). Raises RateLimited `rate_limited`.

        The first owner without budget decides; what others gave before it stays taken, which errs on the strict side.
        """
        headers = context_of(conn).headers
        policy = _policy(rate)
        told = headers.get("ratelimit-policy", "")
        if policy not in told:
            headers["ratelimit-policy"] = f"{told}, {policy}" if told else policy
        for owner in owners:
            wait_s = await self.wait_s(owner, rate, cost)
            if wait_s > 0.0:
                headers["ratelimit"] = f'"{rate.name}";r=0;t={max(1, round(wait_s))}'
                raise RateLimited("rate_limited", "Too many calls; slow down.", retry_after_s=wait_s)

    async def wait_s(self, owner: str, rate: Rate, cost: int = 1) -> float:
        """0.0 when `cost` calls of `owner` are allowed now (and taken), otherwise the seconds until they would be."""
        key = _key(rate.name, owner)
        refused_s = self._refused.get(key, 0.0) - self._clock.monotonic_s()
        if refused_s > 0.0:
            return refused_s
        if self._clock.monotonic_s() >= self._cache_down_until_s:
            try:
                wait_s = await self._cache.allow(key, rate_per_s=rate.per_s, burst=rate.burst, cost=cost)
                self._remember(key, wait_s, cost)
                return wait_s
            except Unavailable:
                self._cache_down_until_s = self._clock.monotonic_s() + _RETRY_CACHE_S
                _log.warning("limits_counted_locally", retry_s=_RETRY_CACHE_S)
        return self._local.allow(key, rate, cost)

    def _remember(self, key: str, wait_s: float, cost: int) -> None:
        """Whoever may not do one thing may do nothing until then: the flood of a noisy caller is refused without asking the cache."""
        if cost > 1 or wait_s <= 0.0:
            return
        if len(self._refused) >= _REFUSED_KEPT:
            self._refused.clear()
        self._refused[key] = self._clock.monotonic_s() + wait_s
