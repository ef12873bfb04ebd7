"""The sentences of ports/cache.py, for every adapter of the port, on a real Redis."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from tests.support.servers import redis_server

from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.cache.memory import open_cache as open_memory
from voiceagent.adapters.cache.redis import RedisCache
from voiceagent.adapters.cache.redis import open_cache as open_redis
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.cache import Cache, Owed, Taking


@pytest.fixture(params=["memory", "redis", "sentinel", "cluster"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    # Patient, because these tests are about answers; how long one may take has tests of its own.
    if request.param == "memory":
        opened: Cache = open_memory("memory://")
    else:
        opened = open_redis(request.getfixturevalue(f"{request.param}_url"), deadline_s=60)
    yield opened
    await opened.close()


@pytest.fixture
def key() -> str:
    return new_id("key")


async def _allow(cache: Cache, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
    (told,) = await cache.allow([Taking(key, rate_per_s, burst, cost)])
    return told.wait_s


async def _until_gone(cache: Cache, key: str) -> None:
    async with asyncio.timeout(60):
        while await cache.get(key) is not None:
            await asyncio.sleep(0.01)


async def test_what_was_put_is_got(cache: Cache, key: str) -> None:
    await cache.put(key, b"\x00 any bytes \xff", ttl_s=60)
    assert await cache.get(key) == b"\x00 any bytes \xff"


async def test_an_absent_key_gives_none(cache: Cache, key: str) -> None:
    assert await cache.get(key) is None
    assert await cache.take(key) is None
    await cache.delete(key)


async def test_an_empty_value_is_a_value(cache: Cache, key: str) -> None:
    await cache.put(key, b"", ttl_s=60)
    assert await cache.get(key) == b""


async def test_put_replaces_value_and_time(cache: Cache, key: str) -> None:
    await cache.put(key, b"old", ttl_s=0.05)
    await cache.put(key, b"new", ttl_s=60)
    await cache.put(f"{key}-short", b"", ttl_s=0.1)
    await _until_gone(cache, f"{key}-short")
    assert await cache.get(key) == b"new"


async def test_a_value_ends(cache: Cache, key: str) -> None:
    await cache.put(key, b"soon gone", ttl_s=0.05)
    await _until_gone(cache, key)


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan")])
async def test_a_time_to_live_is_above_0(cache: Cache, key: str, ttl_s: float) -> None:
    with pytest.raises(InvalidInput, match="time to live"):
        await cache.put(key, b"x", ttl_s=ttl_s)


async def test_delete_removes(cache: Cache, key: str) -> None:
    await cache.put(key, b"x", ttl_s=60)
    await cache.delete(key)
    assert await cache.get(key) is None


async def test_of_any_number_of_racers_exactly_one_takes_the_value(cache: Cache, key: str) -> None:
    await cache.put(key, b"ticket", ttl_s=60)
    taken = await asyncio.gather(*(cache.take(key) for _ in range(20)))
    assert sorted(taken, key=bool) == [None] * 19 + [b"ticket"]


async def test_a_burst_is_allowed_and_then_a_wait_is_named(cache: Cache, key: str) -> None:
    waits = [await _allow(cache, key, rate_per_s=0.001, burst=3) for _ in range(4)]
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert 900 < waits[3] <= 1000


async def test_a_refusal_takes_nothing(cache: Cache, key: str) -> None:
    assert await _allow(cache, key, rate_per_s=0.01, burst=5, cost=4) == 0.0
    assert await _allow(cache, key, rate_per_s=0.01, burst=5, cost=2) > 0
    assert await _allow(cache, key, rate_per_s=0.01, burst=5, cost=1) == 0.0


async def test_keys_have_limits_of_their_own(cache: Cache, key: str) -> None:
    await _allow(cache, key, rate_per_s=0.01, burst=1)
    assert await _allow(cache, f"{key}-other", rate_per_s=0.01, burst=1) == 0.0


async def test_units_come_back_at_the_rate(cache: Cache, key: str) -> None:
    assert await _allow(cache, key, rate_per_s=20, burst=1) == 0.0
    async with asyncio.timeout(60):
        while (wait_s := await _allow(cache, key, rate_per_s=20, burst=1)) > 0:
            assert wait_s <= 0.05
            await asyncio.sleep(wait_s)


async def test_racers_never_get_more_than_the_burst(cache: Cache, key: str) -> None:
    waits = await asyncio.gather(*(_allow(cache, key, rate_per_s=0.001, burst=7) for _ in range(40)))
    assert waits.count(0.0) == 7


@pytest.mark.parametrize(("rate_per_s", "burst", "cost"), [(0, 1, 1), (-1, 1, 1), (1, 1, 2), (1, 1, 0)])
async def test_a_limit_that_means_nothing_is_refused(
    cache: Cache, key: str, rate_per_s: float, burst: int, cost: int
) -> None:
    with pytest.raises(InvalidInput):
        await _allow(cache, key, rate_per_s=rate_per_s, burst=burst, cost=cost)


async def _waits(cache: Cache, *takings: Taking) -> list[float]:
    return [one.wait_s for one in await cache.allow(takings)]


async def test_of_several_costs_all_are_taken_or_none(cache: Cache, key: str) -> None:
    wide, narrow = Taking(f"{key}-wide", 0.01, 10), Taking(f"{key}-narrow", 0.01, 2)
    assert [await _waits(cache, wide, narrow) for _ in range(2)] == [[0.0, 0.0]] * 2
    for _ in range(20):
        first, second = await _waits(cache, wide, narrow)
        assert first == 0.0 < second, "only the narrow one has to wait"
    assert await _waits(cache, replace(wide, cost=8)) == [0.0], "the refused ones took nothing of the wide one"
    assert (await _waits(cache, wide))[0] > 0


async def test_it_tells_how_much_a_budget_has_given(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.01, 5, cost=3)
    given = [(await cache.allow([one]))[0].given for one in (taking, taking, replace(taking, cost=2))]
    assert given == [3, 3, 5]
    (told,) = await cache.allow([taking])
    assert told.full_in_s == pytest.approx(500, abs=50)


async def test_what_is_owed_is_taken_in_any_case_and_a_cost_beside_it_is_judged(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.01, 10)
    (last,) = await cache.allow([replace(taking, cost=0, owed=Owed(25, 0.0))])
    assert last.wait_s == 0.0
    assert (await _waits(cache, taking))[0] == pytest.approx(1600, abs=50), "25 + 1 of 10 units, each worth 100 s"
    assert (await _waits(cache, replace(taking, owed=Owed(1, 0.0, last))))[0] == pytest.approx(1700, abs=50)


async def test_three_that_let_through_what_came_back_leave_a_budget_as_it_was(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.5, 10)
    (last,) = await cache.allow([replace(taking, cost=4)])
    for _ in range(3):
        (told,) = await cache.allow([replace(taking, cost=0, owed=Owed(100, 600.0, last))])
    assert told.full_in_s == pytest.approx(last.full_in_s, abs=1), "300 came back, 300 were let through"


async def test_what_the_first_back_gives_before_the_others_tell_is_taken_back(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.5, 10)
    (last,) = await cache.allow([replace(taking, cost=10)])
    owing = replace(taking, cost=0, owed=Owed(100, 600.0, last))
    await cache.allow([owing])
    await cache.allow([owing])
    (told,) = await cache.allow([owing])
    assert told.full_in_s == pytest.approx(20.0, abs=1), "as empty as it was"
    (told,) = await cache.allow([replace(taking, cost=0, owed=Owed(5, 0.0, told))])
    assert told.full_in_s == pytest.approx(30.0, abs=1)


async def test_what_others_were_given_meanwhile_counts(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.01, 10)
    (last,) = await cache.allow([taking])
    await cache.allow([replace(taking, cost=8)])
    await cache.allow([replace(taking, cost=0, owed=Owed(4, 0.0, last))])
    assert (await _waits(cache, taking))[0] == pytest.approx(400, abs=50), (
        "9 + 4 of 10 are used, and one more is asked for"
    )


async def test_what_is_owed_to_a_budget_nobody_knew_counts_from_its_beginning(cache: Cache, key: str) -> None:
    taking = Taking(key, 0.01, 10)
    await cache.allow([replace(taking, cost=0, owed=Owed(50, 4_500.0))])
    assert await _waits(cache, replace(taking, cost=5)) == [0.0]
    assert (await _waits(cache, taking))[0] > 0


async def test_closing_twice_is_fine(cache: Cache) -> None:
    await cache.close()
    await cache.close()


async def test_cancelled_calls_never_give_one_key_the_value_of_another(cache: Cache, key: str) -> None:
    """A cancelled read must not leave its answer for the next reader of the same connection."""
    keys = [f"{key}-{number}" for number in range(10)]
    for one in keys:
        await cache.put(one, one.encode(), ttl_s=60)
    chance = random.Random(7)

    async def client(number: int) -> None:
        for _ in range(30):
            one = chance.choice(keys)
            task = asyncio.ensure_future(cache.get(one))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                task.cancel()
            try:
                assert await task == one.encode(), number
            except asyncio.CancelledError:
                continue

    await asyncio.gather(*(client(number) for number in range(20)))


# --- what one adapter alone can show ------------------------------------------------------------------------------------


class _Clock:
    def __init__(self) -> None:
        self.at_s = 1_000.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> None:
        raise AssertionError("durations only")


@given(
    rate_per_s=st.floats(0.5, 50),
    burst=st.integers(1, 20),
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=60),
)
async def test_allowed_units_never_exceed_the_burst_plus_the_rate(
    rate_per_s: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    clock = _Clock()
    cache = MemoryCache(clock)  # type: ignore[arg-type]
    allowed = 0
    for pause_s, cost in steps:
        clock.at_s += pause_s
        cost = min(cost, burst)
        wait_s = await _allow(cache, "k", rate_per_s=rate_per_s, burst=burst, cost=cost)
        if wait_s == 0:
            allowed += cost
        else:
            clock.at_s += wait_s + 1e-6
            assert await _allow(cache, "k", rate_per_s=rate_per_s, burst=burst, cost=cost) == 0, (
                "the named wait suffices"
            )
            allowed += cost
        assert allowed <= burst + rate_per_s * (clock.at_s - 1_000.0) + 1e-3


async def test_memory_is_bounded() -> None:
    cache = MemoryCache(_Clock(), max_entries=10)  # type: ignore[arg-type]
    for number in range(100):
        await cache.put(f"k{number}", b"x", ttl_s=60)
        await _allow(cache, f"k{number}", rate_per_s=0.001, burst=1)
    assert await cache.get("k0") is None
    assert await cache.get("k99") == b"x"
    assert len(cache._values) <= 10
    assert len(cache._budgets) <= 10


async def test_a_value_that_lies_under_another_key_is_not_given_out(redis_url: str, key: str) -> None:
    cache = open_redis(redis_url, deadline_s=60)
    client = Redis.from_url(redis_url)
    await cache.put(f"ten_a:{key}", b"secret of a", ttl_s=60)
    await client.copy(f"va:v:ten_a:{key}", f"va:v:ten_b:{key}")
    assert await cache.get(f"ten_b:{key}") is None
    assert await cache.get(f"ten_a:{key}") == b"secret of a"
    await client.aclose()
    await cache.close()


async def _refusal(cache: Cache) -> tuple[str, float]:
    started = time.perf_counter()
    with pytest.raises(Problem) as caught:
        await cache.get("any")
    return caught.value.code, time.perf_counter() - started


async def _patiently(call: Callable[..., Awaitable[Any]], *args: object, **kwargs: object) -> Any:
    async with asyncio.timeout(60):
        while True:
            try:
                return await call(*args, **kwargs)
            except Unavailable:
                await asyncio.sleep(0.02)


async def test_a_dead_cache_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        cache = open_redis(f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        assert (await _refusal(cache))[0] == "cache_unavailable"
        await cache.close()


async def test_a_silent_cache_is_unavailable_within_a_bound_and_comes_back() -> None:
    with redis_server() as (url, process):
        cache = open_redis(url)
        await _patiently(cache.put, "any", b"x", ttl_s=60)
        os.kill(process.pid, signal.SIGSTOP)
        code, took_s = await _refusal(cache)
        assert code == "cache_unavailable"
        assert took_s < 20, "the bound is 150 ms, and without one it lasts for ever; the rest is a busy machine's"
        os.kill(process.pid, signal.SIGCONT)
        assert await _patiently(cache.get, "any") == b"x"
        await cache.close()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(Misconfigured, match="redis://"):
        open_redis("redis://[")


def test_the_adapters_keep_the_port() -> None:
    _: tuple[type[Cache], type[Cache]] = (MemoryCache, RedisCache)
