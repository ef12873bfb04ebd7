"""GCRA: what is allowed over any stretch of time stays within burst + rate x time, and nobody within the rate is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from voiceagent.kit.errors import RateLimited, Unavailable
from voiceagent.web.context import context_of
from voiceagent.web.limits import Limiter, LocalBuckets, Rate, gcra
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


class DeadCache:
    """A cache that never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def allow(self, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
        self.asked += 1
        raise Unavailable("cache_unavailable", "gone")


def a_request() -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "path": "/"})


async def test_a_dead_cache_means_local_limits_not_none() -> None:
    cache, clock = DeadCache(), HandClock()
    limiter, rate, conn = Limiter(cache, clock=clock), Rate("calls", 1.0, 3), a_request()  # type: ignore[arg-type]
    for _ in range(3):
        await limiter.take(conn, rate, "key_1")
    with pytest.raises(RateLimited) as refused:
        await limiter.take(conn, rate, "key_1")
    assert 0 < (refused.value.retry_after_s or 0) <= 1.0
    assert cache.asked == 1, "a dead cache is asked again after a while, not on every call"
    assert context_of(conn).headers["ratelimit"] == '"calls";r=0;t=1'
    assert context_of(conn).headers["ratelimit-policy"] == '"calls";q=3;w=3'
    clock.at_s += 6
    await limiter.take(conn, rate, "key_1")
    assert cache.asked == 2


class CountingCache:
    """Counts what it is asked, and allows nothing for a second."""

    def __init__(self) -> None:
        self.asked = 0
        self.wait_s = 1.0

    async def allow(self, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
        self.asked += 1
        return self.wait_s


async def test_a_flood_that_is_refused_costs_the_cache_one_question() -> None:
    clock, cache = HandClock(), CountingCache()
    limiter, rate = Limiter(cache, clock=clock), Rate("test", 1.0, 5)  # type: ignore[arg-type]
    assert [await limiter.wait_s("noisy", rate) for _ in range(100)] == [1.0] * 100
    assert cache.asked == 1
    assert await limiter.wait_s("another", rate) == 1.0 and cache.asked == 2
    clock.at_s += 1.01
    cache.wait_s = 0.0
    assert await limiter.wait_s("noisy", rate) == 0.0


async def test_a_dear_call_refused_leaves_cheap_ones_alone() -> None:
    cache = CountingCache()
    limiter, rate = Limiter(cache, clock=HandClock()), Rate("test", 1.0, 5)  # type: ignore[arg-type]
    assert await limiter.wait_s("a", rate, cost=5) == 1.0
    cache.wait_s = 0.0
    assert await limiter.wait_s("a", rate) == 0.0


@pytest.mark.parametrize(("retry_after_s", "told"), [(None, "1"), (0.2, "1"), (7.3, "8")])
def test_every_429_says_when_to_come_back(retry_after_s: float | None, told: str) -> None:
    response = problem_response(a_request(), RateLimited("llm_rate_limited", "slow down", retry_after_s=retry_after_s))
    assert (response.status_code, response.headers["retry-after"]) == (429, told)
