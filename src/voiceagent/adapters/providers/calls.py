"""One call, one result, by the first provider that gives it: how recognisers and embedding models are asked. Voices stream; see tts.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from voiceagent.adapters.providers.pool import Closable, Pool, Seat, passed_on
from voiceagent.kit.errors import Problem, Unavailable
from voiceagent.kit.tasks import answered_within

P = TypeVar("P", bound=Closable)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call(Generic[P, R]):
    """ask: the call of one adapter.  within_s: the time that all but the last provider have together.

    share_s: what the length of the request adds to each provider's patience.
    """

    ask: Callable[[P], Awaitable[R]]
    within_s: float
    share_s: float = 0.0


async def first_answer(pool: Pool[P], seats: Sequence[Seat[P]], call: Call[P, R]) -> tuple[Seat[P], R]:
    """The result, and who gave it. seats: who may be asked, best first, at least one. Raises what the last one raised, or RateLimited."""
    order = pool.order(seats)
    for seat in order.resting:
        pool.beside(_trial(pool, seat, call), name=seat.provider.name)
    refusal: Problem = Unavailable("provider_unavailable", "no provider answers at the moment", retry_after_s=1.0)
    by_s = pool.clock.monotonic_s() + call.within_s
    for seat, bounded in order:
        within_s = pool.wait_s(seat, by_s - pool.clock.monotonic_s(), call.share_s) if bounded else None
        if within_s is not None and within_s <= 0:
            continue
        try:
            return seat, await _asked(pool, seat, call, within_s)
        except Problem as problem:
            if not passed_on(problem):
                raise
            refusal = problem
    raise refusal


async def _asked(pool: Pool[P], seat: Seat[P], call: Call[P, R], within_s: float | None) -> R:
    with seat.under_way.one(), pool.attempt(seat):
        if within_s is None:
            return await call.ask(seat.part)
        return await answered_within(call.ask(seat.part), within_s)


async def _trial(pool: Pool[P], seat: Seat[P], call: Call[P, R]) -> None:
    """Whether a provider that failed is well again, found out beside a call that another answers. Slower than its patience is not well."""
    with suppress(Problem):
        await _asked(pool, seat, call, pool.wait_s(seat, call.within_s, call.share_s))
