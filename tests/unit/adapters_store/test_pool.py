"""The pool of PostgreSQL's connections when queries are slow: bounded waits, shares of organisations, statements that are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.support.servers import fresh_database

from voiceagent.adapters.store.pool.shares import ALONE_S, Shares
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.identity import Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id

POOL = 10
TENANTS = ("ten_a", "ten_b", "ten_c", "ten_d", "ten_e")


@pytest.fixture
async def store(postgresql_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(fresh_database(postgresql_url, new_id("pool")), pool_size=POOL)
    await opened.migrate()
    for tenant_id in TENANTS:
        await opened.directory.add_tenant(Tenant(tenant_id, tenant_id, datetime.now(UTC)))
    yield opened
    await opened.close()


async def sleeping(store: SqlStore, tenant_id: str, seconds: float, begun: asyncio.Event | None = None) -> None:
    async with store.begin(tenant_id, read_only=True) as work:
        if begun is not None:
            begun.set()
        await work.agents._scope.run(_sleep(seconds))


def _sleep(seconds: float) -> object:
    from sqlalchemy import text

    return text(f"SELECT pg_sleep({seconds})")


async def read(store: SqlStore, tenant_id: str) -> int:
    async with store.begin(tenant_id, read_only=True) as work:
        return len(await work.agents.all())


async def test_one_organisations_storm_leaves_the_pool_to_the_others(store: SqlStore) -> None:
    await read(store, "ten_b")
    storm = [asyncio.create_task(sleeping(store, "ten_a", 1.5)) for _ in range(30)]
    refused, _ = await asyncio.wait(storm, timeout=20, return_when=asyncio.FIRST_EXCEPTION)
    assert [type(one.exception()) for one in refused] == [Unavailable] * len(
        refused
    )  # before any of the sleepers is done
    assert [await read(store, tenant_id) for tenant_id in TENANTS[1:] for _ in range(5)] == [0] * 20
    done = await asyncio.gather(*storm, return_exceptions=True)
    assert sum(one is None for one in done) == 3
    assert {one.code for one in done if isinstance(one, Unavailable)} == {"store_unavailable"}


async def test_a_full_pool_refuses_before_what_fills_it_is_done_and_serves_again_after(store: SqlStore) -> None:
    for tenant_id in TENANTS:
        await read(store, tenant_id)
    begun = [asyncio.Event() for _ in range(POOL)]
    sleepers = [
        asyncio.create_task(sleeping(store, TENANTS[number % 4], 1.5, event)) for number, event in enumerate(begun)
    ]
    await asyncio.gather(*(event.wait() for event in begun))
    with pytest.raises(Unavailable) as caught:
        await read(store, "ten_e")
    assert caught.value.code == "store_unavailable"
    assert not any(one.done() for one in sleepers)
    await asyncio.gather(*sleepers)
    assert await read(store, "ten_e") == 0


async def test_a_statement_that_takes_too_long_is_stopped_and_its_connection_replaced(store: SqlStore) -> None:
    for _ in range(POOL + 2):
        with pytest.raises(Unavailable):
            await asyncio.gather(*(sleeping(store, "ten_a", 30.0) for _ in range(3)))
        break
    assert await read(store, "ten_a") == 0


class Clock(SystemClock):
    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s


async def test_an_organisation_that_is_alone_has_the_whole_pool() -> None:
    clock = Clock()
    shares = Shares(POOL, 0.05, clock)

    async def hold(tenant_id: str, count: int) -> int:
        held, entered = [], 0
        for _ in range(count):
            one = shares.taken(tenant_id)
            try:
                await one.__aenter__()
            except Unavailable:
                break
            held.append(one)
            entered += 1
        for one in held:
            await one.__aexit__(None, None, None)
        return entered

    assert await hold("ten_a", POOL + 1) == POOL
    assert await hold("ten_b", POOL) == 3
    assert await hold("ten_a", POOL) == 3
    clock.at_s += ALONE_S + 1
    assert await hold("ten_a", POOL) == POOL


async def test_whoever_waits_is_served_when_one_of_its_own_ends_and_a_cancelled_one_is_forgotten() -> None:
    shares, order = Shares(10, 5.0), []
    first = [shares.taken("ten_a") for _ in range(3)]
    async with shares.taken("ten_b"):
        for one in first:
            await one.__aenter__()

        async def wait(name: str) -> None:
            async with shares.taken("ten_a"):
                order.append(name)

        waiting = [asyncio.create_task(wait(name)) for name in ("cancelled", "second", "third")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert order == []
        for one in first:
            await one.__aexit__(None, None, None)
        await asyncio.gather(*waiting[1:])
    assert order == ["second", "third"]
