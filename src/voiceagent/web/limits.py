"""How fast callers may call: GCRA over the shared cache; while that does not answer, a share of the same limit in the process. Never unlimited."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import structlog
from starlette.requests import HTTPConnection

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import RateLimited, Unavailable
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.cache import Cache, Taking
from voiceagent.web.context import context_of
from voiceagent.web.local_limits import Debts, LocalBuckets, Rate

__all__ = ["Claim", "Limiter", "Rate"]

_log = structlog.get_logger(__name__)
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 2.0
_REFUSED_KEPT = 10_000
_DEBTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Claim:
    """`cost` calls from the budget that `owner` (an address, a key, a tenant) has by `rate`."""

    rate: Rate
    owner: str
    cost: int = 1

    @property
    def key(self) -> str:
        """The cache's name of the budget."""
        return _key(self.rate.name, self.owner)


@lru_cache(maxsize=256)
def _policy(rate: Rate) -> str:
    """What RateLimit-Policy says of a rate."""
    return f'"{rate.name}";q={rate.burst};w={max(1, round(rate.burst / rate.per_s))}'


@lru_cache(maxsize=4096)
def _key(name: str, owner: str) -> str:
    """The cache's key of a budget: the owner hashed, because addresses and e-mails are nobody's business there."""
    return f"limit:{name}:{sha256_hex(owner.encode())[:32]}"


def _tell_policy(conn: HTTPConnection, rate: Rate) -> None:
    headers, policy = context_of(conn).headers, _policy(rate)
    told = headers.get("ratelimit-policy", "")
    if policy not in told:
        headers["ratelimit-policy"] = f"{told}, {policy}" if told else policy


def _tell_left(conn: HTTPConnection, rates: Sequence[Rate], left: Sequence[int]) -> None:
    """Of all budgets of a call, the one of which least is left: calls now, and seconds until it has one more."""
    context = context_of(conn)
    for rate, calls in zip(rates, left, strict=True):
        if context.calls_left is None or calls < context.calls_left:
            context.calls_left = calls
            context.headers["ratelimit"] = f'"{rate.name}";r={calls};t={max(1, math.ceil(1 / rate.per_s))}'


def _refusal(conn: HTTPConnection, claim: Claim, wait_s: float) -> RateLimited:
    _tell_policy(conn, claim.rate)
    context_of(conn).headers["ratelimit"] = f'"{claim.rate.name}";r=0;t={max(1, math.ceil(wait_s))}'
    return RateLimited("rate_limited", "Too many calls; slow down.", retry_after_s=wait_s)


class Limiter:
    """Counts calls by key over all replicas.

    While the cache does not answer within its time, this process allows its share of each limit: the limit divided by the
    replicas that there are, beginning with as much of the burst as the cache last said was left. Nobody waits for the cache meanwhile; a
    task asks it, and tells it what was let through before it counts again. Together the replicas so let through at most the limit and, of
    callers whom some of them did not know, their shares of one burst more; the cache then takes back what was too much.
    """

    def __init__(self, cache: Cache, *, clock: Clock | None = None, replicas: Callable[[], int] = lambda: 1) -> None:
        self._cache = cache
        self._clock = clock or SystemClock()
        self._replicas = replicas
        self._local = LocalBuckets(clock=self._clock)
        self._gate = LocalBuckets(clock=self._clock)
        self._debts = Debts(self._clock)
        self._refused: dict[str, float] = {}
        self._tasks = TaskScope("limits")
        self._asking: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop asking after the cache."""
        await self._tasks.close(within_s=1.0)

    def check_here(self, conn: HTTPConnection, claim: Claim) -> None:
        """Take the claim from what this process alone would allow, so that what comes before a look at the shared budget is bounded, too.

        Raises RateLimited `rate_limited`.
        """
        wait_s = self._gate.allow(claim.key, claim.rate, claim.cost)
        if wait_s > 0.0:
            raise _refusal(conn, claim, wait_s)

    async def take(self, conn: HTTPConnection, rate: Rate, owner: str, *, cost: int = 1) -> None:
        """Take `cost` calls from the budget of an owner. Raises RateLimited `rate_limited`."""
        await self.take_all(conn, (Claim(rate, owner, cost),))

    async def take_all(self, conn: HTTPConnection, claims: Sequence[Claim]) -> None:
        """Take every claim, or none. Raises RateLimited `rate_limited` for the first that has to wait."""
        for claim in claims:
            _tell_policy(conn, claim.rate)
        left: list[int] = []
        for claim, wait_s in zip(claims, await self.waits_s(claims, left), strict=True):
            if wait_s > 0.0:
                raise _refusal(conn, claim, wait_s)
        if left:
            _tell_left(conn, [claim.rate for claim in claims], left)

    async def wait_s(self, owner: str, rate: Rate, cost: int = 1) -> float:
        """0.0 when `cost` calls of `owner` are allowed now (and taken), otherwise the seconds until they would be."""
        return (await self.waits_s((Claim(rate, owner, cost),)))[0]

    async def waits_s(self, claims: Sequence[Claim], left: list[int] | None = None) -> list[float]:
        """0.0 for each when all are allowed now (and taken); otherwise nothing was taken, and those above 0.0 would have to wait so long.

        left: is given what each budget then still holds, where the shared cache said so.
        """
        now_s = self._clock.monotonic_s()
        waits_s = [max(0.0, self._refused.get(claim.key, 0.0) - now_s) for claim in claims]
        if any(waits_s):
            return waits_s
        if self._asking is None:
            try:
                return await self._of_cache(claims, left)
            except Unavailable:
                self._begin_to_ask()
        return self._of_this_process(claims)

    async def _of_cache(self, claims: Sequence[Claim], left: list[int] | None) -> list[float]:
        takings = [Taking(claim.key, claim.rate.per_s, claim.rate.burst, claim.cost) for claim in claims]
        told = await self._cache.allow(takings)
        for claim, one in zip(claims, told, strict=True):
            self._local.told(claim.key, one.full_in_s)
            self._debts.told(claim.key, one)
            if one.wait_s > 0.0 and claim.cost <= 1:
                self._remember(claim.key, one.wait_s)
            if left is not None:
                left.append(max(0, math.floor(claim.rate.burst - one.full_in_s * claim.rate.per_s + 1e-6)))
        return [one.wait_s for one in told]

    def _of_this_process(self, claims: Sequence[Claim]) -> list[float]:
        """As for the cache, but the first that has to wait decides, and what others gave before it stays taken: the strict side."""
        waits_s = [0.0] * len(claims)
        for number, claim in enumerate(claims):
            waits_s[number] = self._local.allow(claim.key, claim.rate, claim.cost, of=self._replicas())
            if waits_s[number] > 0.0:
                return waits_s
        for claim in claims:
            self._debts.add(claim.key, claim.rate, claim.cost)
        return waits_s

    def _remember(self, key: str, wait_s: float) -> None:
        """Whoever may not do one thing may do nothing until then: the flood of a noisy caller is refused without asking the cache."""
        if len(self._refused) >= _REFUSED_KEPT:
            self._refused.clear()
        self._refused[key] = self._clock.monotonic_s() + wait_s

    def _begin_to_ask(self) -> None:
        if self._asking is None:
            _log.warning("limits_counted_locally", replicas=self._replicas())
            self._asking = self._tasks.start(self._ask(), name="ask")

    async def _ask(self) -> None:
        """Until the cache answers and knows what was let through without it."""
        began_s, pause_s = self._clock.monotonic_s(), RETRY_FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MOST_S)
            try:
                await self._cache.get("limits")
                while owed := self._debts.take(_DEBTS_AT_ONCE):
                    await self._cache.allow(owed)
            except Unavailable:
                continue
            break
        self._asking = None
        _log.info("limits_counted_together_again", after_s=round(self._clock.monotonic_s() - began_s, 2))
