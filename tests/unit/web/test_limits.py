"""GCRA: what is allowed over any stretch of time stays within burst + rate x time, and nobody within the rate is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from voiceagent.kit.errors import RateLimited, Unavailable
from voiceagent.ports.cache import Owed, Taken, Taking
from voiceagent.web.context import context_of
from voiceagent.web.limits import Claim, Limiter, Rate
from voiceagent.web.local_limits import LocalBuckets, gcra
from voiceagent.web.problems import problem_response


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


rates = st.floats(0.1, 200.0)
bursts = st.integers(1, 50)
pauses = st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200)


@given(rates, bursts, pauses)
def test_no_more_than_burst_plus_rate_times_time_is_allowed(rate_per_s: float, burst: int, gaps: list[float]) -> None:
    arrival_s, now_s, allowed = 0.0, 50.0, 0
    for gap_s in gaps:
        now_s += gap_s
        wait_s, arrival_s = gcra(arrival_s, now_s, rate_per_s=rate_per_s, burst=burst)
        allowed += wait_s == 0.0
        assert allowed <= burst + (now_s - 50.0) * rate_per_s + 1e-6


@given(rates, bursts, st.integers(1, 100))
def test_a_caller_at_the_rate_is_never_refused(rate_per_s: float, burst: int, calls: int) -> None:
    arrival_s, now_s = 0.0, 50.0
    for _ in range(calls):
        wait_s, arrival_s = gcra(arrival_s, now_s, rate_per_s=rate_per_s, burst=burst)
        assert wait_s == 0.0
        now_s += 1.0 / rate_per_s + 1e-9


@given(rates, bursts, pauses, st.integers(1, 10))
def test_waiting_as_told_is_enough_and_a_refusal_takes_nothing(
    rate_per_s: float, burst: int, gaps: list[float], cost: int
) -> None:
    cost = min(cost, burst)
    arrival_s, now_s = 0.0, 50.0
    for gap_s in gaps:
        now_s += gap_s
        wait_s, next_s = gcra(arrival_s, now_s, rate_per_s=rate_per_s, burst=burst, cost=cost)
        if wait_s > 0.0:
            assert next_s == arrival_s
            now_s += wait_s + 1e-6
            wait_s, next_s = gcra(arrival_s, now_s, rate_per_s=rate_per_s, burst=burst, cost=cost)
        assert wait_s == 0.0
        arrival_s = next_s


def test_owners_do_not_share_and_memory_is_bounded() -> None:
    buckets, rate = LocalBuckets(keys=100, clock=HandClock()), Rate("test", 1.0, 2)
    assert [buckets.allow("a", rate) > 0 for _ in range(3)] == [False, False, True]
    assert buckets.allow("b", rate) == 0.0
    for number in range(1000):
        buckets.allow(f"k{number}", rate)
    assert len(buckets._arrivals) == 100


class FakeCache:
    """Answers as told, or not at all; keeps what it was asked."""

    def __init__(self, *, dead: bool = False, wait_s: float = 0.0, full_in_s: float = 0.0) -> None:
        self.dead = dead
        self.wait_s = wait_s
        self.full_in_s = full_in_s
        self.asked: list[Sequence[Taking]] = []

    async def allow(self, takings: Sequence[Taking]) -> list[Taken]:
        self.asked.append(takings)
        await self.get("any")
        return [Taken(self.wait_s, self.full_in_s, 7) for _ in takings]

    async def get(self, key: str) -> None:
        if self.dead:
            raise Unavailable("cache_unavailable", "gone")


@pytest.fixture
async def limiter_of() -> AsyncIterator[Callable[..., Limiter]]:
    made: list[Limiter] = []

    def make(cache: FakeCache, clock: HandClock, of: int = 1) -> Limiter:
        made.append(Limiter(cache, clock=clock, replicas=lambda: of))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for limiter in made:
        await limiter.close()


def a_request() -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "path": "/"})


async def allowed(limiter: Limiter, rate: Rate, tries: int) -> int:
    return [await limiter.wait_s("noisy", rate) for _ in range(tries)].count(0.0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_dead_cache_means_local_limits_not_none(limiter_of: Callable[..., Limiter]) -> None:
    cache, clock = FakeCache(dead=True), HandClock()
    limiter, rate, conn = limiter_of(cache, clock), Rate("calls", 1.0, 3), a_request()
    for _ in range(3):
        await limiter.take(conn, rate, "key_1")
    with pytest.raises(RateLimited) as refused:
        await limiter.take(conn, rate, "key_1")
    assert 0 < (refused.value.retry_after_s or 0) <= 1.0
    assert len(cache.asked) == 1, "a caller waits for a dead cache once; after that a task asks it"
    assert context_of(conn).headers["ratelimit"] == '"calls";r=0;t=1'
    assert context_of(conn).headers["ratelimit-policy"] == '"calls";q=3;w=3'


async def test_without_the_cache_the_replicas_together_allow_the_limit(limiter_of: Callable[..., Limiter]) -> None:
    cache, clock, rate = FakeCache(dead=True), HandClock(), Rate("calls", 30.0, 60)
    limiters = [limiter_of(cache, clock, of=3) for _ in range(3)]
    assert sum([await allowed(limiter, rate, 100) for limiter in limiters]) == 60
    clock.at_s += 10
    for _ in range(100):
        clock.at_s += 0.1
        for limiter in limiters:
            await allowed(limiter, rate, 5)
    cache.asked.clear()
    clock.at_s += 100
    assert sum([await allowed(limiter, rate, 100) for limiter in limiters]) == 60


async def test_a_cache_that_fails_gives_nobody_a_new_burst(limiter_of: Callable[..., Limiter]) -> None:
    """What the cache said last was left is what is left, whoever had the rest."""
    cache, clock, rate = FakeCache(full_in_s=1.5), HandClock(), Rate("calls", 30.0, 60)
    limiters = [limiter_of(cache, clock, of=3) for _ in range(3)]
    for limiter in limiters:
        assert await allowed(limiter, rate, 1) == 1
    cache.dead = True
    assert sum([await allowed(limiter, rate, 20) for limiter in limiters]) == 15, "1.5 of 2 s are used"
    clock.at_s += 1.0
    assert sum([await allowed(limiter, rate, 100) for limiter in limiters]) == 30


async def test_a_cache_that_is_back_is_told_what_was_let_through_before_it_counts(
    limiter_of: Callable[..., Limiter],
) -> None:
    cache, clock, rate = FakeCache(), HandClock(), Rate("calls", 10.0, 20)
    limiter = limiter_of(cache, clock, of=2)
    await limiter.wait_s("noisy", rate)
    clock.at_s += 3.0
    cache.dead = True
    assert await allowed(limiter, rate, 30) == 10
    clock.at_s += 2.0
    assert await allowed(limiter, rate, 30) == 10
    cache.asked.clear()
    cache.dead = False
    await until(lambda: bool(cache.asked))
    ((told,),) = cache.asked
    assert told.owed == Owed(20, 5.0, Taken(0.0, 0.0, 7)), "since the cache's last word"
    assert (told.cost, told.rate_per_s, told.burst) == (0, 10.0, 20)
    await until(lambda: limiter._asking is None)
    assert await allowed(limiter, rate, 3) == 3, "now the cache decides"
    assert [taking.owed for (taking,) in cache.asked[1:]] == [None] * 3


async def test_a_cost_above_the_share_of_the_burst_waits_for_all_of_the_share(
    limiter_of: Callable[..., Limiter],
) -> None:
    clock, rate = HandClock(), Rate("bytes", 10.0, 90)
    limiter = limiter_of(FakeCache(dead=True), clock, of=3)
    assert await limiter.wait_s("a", rate, cost=80) == 0.0
    clock.at_s += 23.9
    assert await limiter.wait_s("a", rate, cost=80) > 0.0
    clock.at_s += 0.2
    assert await limiter.wait_s("a", rate, cost=80) == 0.0


async def test_several_budgets_cost_one_question(limiter_of: Callable[..., Limiter]) -> None:
    cache, rates = FakeCache(), (Rate("tenant", 5.0, 9), Rate("caller", 1.0, 5))
    limiter, conn = limiter_of(cache, HandClock()), a_request()
    await limiter.take_all(conn, [Claim(rate, "a") for rate in rates])
    assert len(cache.asked) == 1
    assert context_of(conn).headers["ratelimit-policy"] == '"tenant";q=9;w=2, "caller";q=5;w=5'


async def test_a_flood_that_is_refused_costs_the_cache_one_question(limiter_of: Callable[..., Limiter]) -> None:
    clock, cache = HandClock(), FakeCache(wait_s=1.0)
    limiter, rate = limiter_of(cache, clock), Rate("test", 1.0, 5)
    assert [await limiter.wait_s("noisy", rate) for _ in range(100)] == [1.0] * 100
    assert len(cache.asked) == 1
    assert await limiter.wait_s("another", rate) == 1.0 and len(cache.asked) == 2
    clock.at_s += 1.01
    cache.wait_s = 0.0
    assert await limiter.wait_s("noisy", rate) == 0.0


async def test_a_dear_call_refused_leaves_cheap_ones_alone(limiter_of: Callable[..., Limiter]) -> None:
    cache = FakeCache(wait_s=1.0)
    limiter, rate = limiter_of(cache, HandClock()), Rate("test", 1.0, 5)
    assert await limiter.wait_s("a", rate, cost=5) == 1.0
    cache.wait_s = 0.0
    assert await limiter.wait_s("a", rate) == 0.0


@pytest.mark.parametrize(("retry_after_s", "told"), [(None, "1"), (0.2, "1"), (7.3, "8")])
def test_every_429_says_when_to_come_back(retry_after_s: float | None, told: str) -> None:
    response = problem_response(a_request(), RateLimited("llm_rate_limited", "slow down", retry_after_s=retry_after_s))
    assert (response.status_code, response.headers["retry-after"]) == (429, told)
