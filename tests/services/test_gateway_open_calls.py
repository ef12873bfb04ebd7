"""Calls at a time, counted over replicas: exact, free again after a crash, never unlimited without the cache."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from tests.support.patience import ANSWER_S
from tests.support.servers import redis_server

from voiceagent.adapters.cache.memory import open_cache as open_memory
from voiceagent.adapters.cache.redis import RedisCache
from voiceagent.adapters.cache.redis import open_cache as open_redis
from voiceagent.gateway import open_calls
from voiceagent.gateway.open_calls import OpenCalls
from voiceagent.kit.errors import RateLimited

MOST = {"tenant": 5}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as (url, _):
        yield url


async def opened(gateway: OpenCalls, calls: AsyncExitStack) -> bool:
    try:
        await calls.enter_async_context(gateway.place(MOST))
    except RateLimited:
        return False
    return True


async def until_free(gateway: OpenCalls, places: int) -> None:
    async with asyncio.timeout(ANSWER_S):
        while await gateway.held("tenant") > MOST["tenant"] - places:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("where", ["memory", "redis"])
async def test_three_gateways_share_the_places(where: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("redis_url") if where == "redis" else ""
    shared = open_memory("memory://")
    caches = [open_redis(url, deadline_s=10) if url else shared for _ in range(3)]
    gateways = [OpenCalls(cache.leases) for cache in caches]
    async with AsyncExitStack() as calls:
        got = await asyncio.gather(*(opened(gateways[number % 3], calls) for number in range(30)))
        assert got.count(True) == 5
        assert [await gateway.held("tenant") for gateway in gateways] == [5, 5, 5]
    await until_free(gateways[0], 5)
    async with AsyncExitStack() as calls:
        assert await opened(gateways[2], calls)
    for gateway, cache in zip(gateways, caches, strict=True):
        await gateway.close()
        await cache.close()


async def test_a_crashed_gateways_places_are_free_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_calls, "HELD_S", 4.0)
    cache = open_redis(redis_url, deadline_s=10)
    crashed, other = OpenCalls(cache.leases), OpenCalls(cache.leases)
    places = {"crash": 1}
    kept = crashed.place(places)
    await kept.__aenter__()
    await crashed._tasks.close()  # nothing of it renews or gives back any more
    with pytest.raises(RateLimited):
        async with other.place(places):
            raise AssertionError
    async with asyncio.timeout(ANSWER_S):
        while True:
            try:
                async with other.place(places):
                    break
            except RateLimited:
                await asyncio.sleep(0.02)
    await other.close()
    await cache.close()


async def test_a_running_call_keeps_its_place(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_calls, "HELD_S", 4.0)
    monkeypatch.setattr(open_calls, "RENEW_EVERY_S", 0.05)
    cache = open_redis(redis_url, deadline_s=10)
    calls = OpenCalls(cache.leases)
    async with calls.place({"kept": 1}):
        await passed(cache, 5.0)
        with pytest.raises(RateLimited):
            async with OpenCalls(cache.leases).place({"kept": 1}):
                raise AssertionError
    await calls.close()
    await cache.close()


async def passed(cache: RedisCache, seconds: float) -> None:
    """Returns when the cache itself says that so many seconds are over."""
    await cache.put("clock", b"x", ttl_s=seconds)
    async with asyncio.timeout(ANSWER_S):
        while await cache.get("clock") is not None:
            await asyncio.sleep(0.02)


async def test_without_redis_each_gateway_counts_for_itself_and_all_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_calls, "RENEW_EVERY_S", 0.05)
    with redis_server() as (url, process):
        cache, later = open_redis(url), open_redis(url, deadline_s=ANSWER_S)  # who asks later waits for the answer
        one, two = OpenCalls(cache.leases), OpenCalls(later.leases)
        async with AsyncExitStack() as calls:
            os.kill(process.pid, signal.SIGSTOP)
            assert [await opened(one, calls) for _ in range(6)] == [True] * 5 + [False]
            assert await one.held("tenant") == 5
            os.kill(process.pid, signal.SIGCONT)
            async with asyncio.timeout(ANSWER_S):
                while await two.held("tenant") < 5:
                    await asyncio.sleep(0.02)
            assert not await opened(two, calls)
        await one.close()
        await two.close()
        await cache.close()
        await later.close()
