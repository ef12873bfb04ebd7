"""The sentences of ports/cache.py on leases, for every adapter, on a real Redis."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from tests.support.servers import redis_server

from voiceagent.adapters.cache.memory import open_cache as open_memory
from voiceagent.adapters.cache.redis import open_cache as open_redis
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.cache import Cache, Leases


@pytest.fixture(params=["memory", "redis", "sentinel", "cluster"])
async def leases(request: pytest.FixtureRequest) -> AsyncIterator[Leases]:
    if request.param == "memory":
        opened: Cache = open_memory("memory://")
    else:
        opened = open_redis(request.getfixturevalue(f"{request.param}_url"), deadline_s=60)
    yield opened.leases
    await opened.close()


@pytest.fixture
def key() -> str:
    return new_id("key")


async def test_so_many_places_and_no_more(leases: Leases, key: str) -> None:
    assert [await leases.hold(f"h{number}", {key: 2}, ttl_s=600) for number in range(4)] == [None, None, key, key]
    assert await leases.held(key) == 2


async def test_whoever_holds_a_place_may_hold_it_again(leases: Leases, key: str) -> None:
    for _ in range(3):
        assert await leases.hold("h", {key: 1}, ttl_s=600) is None
    assert await leases.held(key) == 1


async def test_all_places_or_none(leases: Leases, key: str) -> None:
    other = f"{key}-other"
    assert await leases.hold("h1", {other: 1}, ttl_s=600) is None
    assert await leases.hold("h2", {key: 5, other: 1}, ttl_s=600) == other
    assert await leases.held(key) == 0


async def test_a_place_given_back_is_free(leases: Leases, key: str) -> None:
    await leases.hold("h1", {key: 1}, ttl_s=600)
    for _ in range(2):
        await leases.give_back("h1", [key, f"{key}-never"])
    assert await leases.held(key) == 0
    assert await leases.hold("h2", {key: 1}, ttl_s=600) is None


async def test_the_place_of_a_silent_holder_is_free_again(leases: Leases, key: str) -> None:
    await leases.hold("crashed", {key: 1}, ttl_s=0.05)
    async with asyncio.timeout(60):
        while await leases.hold("next", {key: 1}, ttl_s=600) is not None:
            await asyncio.sleep(0.01)


async def test_a_renewed_place_outlives_its_time(leases: Leases, key: str) -> None:
    await leases.hold("short", {f"{key}-clock": 1}, ttl_s=0.2)
    await leases.hold("h", {key: 1}, ttl_s=0.2)
    await leases.renew("h", [key], ttl_s=600)
    async with asyncio.timeout(60):
        while await leases.held(f"{key}-clock"):
            await asyncio.sleep(0.01)
    assert await leases.held(key) == 1


async def test_renewing_brings_back_what_was_lost_even_beyond_the_most(leases: Leases, key: str) -> None:
    await leases.hold("newcomer", {key: 1}, ttl_s=600)
    await leases.renew("was here before", [key], ttl_s=600)
    assert await leases.held(key) == 2


async def test_racers_never_get_more_places_than_there_are(leases: Leases, key: str) -> None:
    got = await asyncio.gather(*(leases.hold(f"h{number}", {key: 7}, ttl_s=600) for number in range(50)))
    assert got.count(None) == 7


async def test_a_silent_redis_is_unavailable_and_comes_back() -> None:
    with redis_server() as (url, process):
        cache = open_redis(url)
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(Unavailable):
            await cache.leases.hold("h", {"k": 1}, ttl_s=600)
        os.kill(process.pid, signal.SIGCONT)
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await cache.leases.hold("h", {"k": 1}, ttl_s=600) is None
                    break
                except Unavailable:
                    await asyncio.sleep(0.02)
        await cache.close()
