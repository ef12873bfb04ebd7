"""The pool of PostgreSQL's connections when queries are slow: bounded waits, shares of organisations, statements that are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from tests.support.patience import until
from tests.support.servers import fresh_database

from voiceagent.adapters.store import postgresql
from voiceagent.adapters.store.pool.shares import ALONE_S, Shares
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.identity import Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id

POOL = 10
TENANTS = ("ten_a", "ten_b", "ten_c", "ten_d", "ten_e")


@pytest.fixture
async def store(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqlStore]:
    monkeypatch.setattr(postgresql, "POOL_WAIT_S", 0.2)
    opened = open_store(fresh_database(postgresql_url, new_id("pool")), pool_size=POOL)
    await opened.migrate()
    for tenant_id in TENANTS:
        await opened.directory.add_tenant(Tenant(tenant_id, tenant_id, datetime.now(UTC)))
    yield opened
    await opened.close()


async def slow(store: SqlStore, tenant_id: str, end: asyncio.Event, begun: asyncio.Event | None = None) -> None:
    """A query that takes until `end`, as the pool sees it: it holds its connection."""
    async with store.begin(tenant_id, read_only=True):
        if begun is not None:
            begun.set()
        await end.wait()


async def read(store: SqlStore, tenant_id: str) -> int:
    async with store.begin(tenant_id, read_only=True) as work:
        return len(await work.agents.all())


async def test_one_organisations_storm_leaves_the_pool_to_the_others(store: SqlStore) -> None:
    await read(store, "ten_b")
    end = asyncio.Event()
    storm = [asyncio.create_task(slow(store, "ten_a", end)) for _ in range(30)]
    await until(lambda: sum(one.done() for one in storm) == 27)
    assert {type(one.exception()) for one in storm if one.done()} == {Unavailable}
    assert [await read(store, tenant_id) for tenant_id in TENANTS[1:] for _ in range(5)] == [0] * 20
    end.set()
    done = await asyncio.gather(*storm, return_exceptions=True)
    assert sum(one is None for one in done) == 3
    assert {one.code for one in done if isinstance(one, Unavailable)} == {"store_unavailable"}


async def test_a_full_pool_refuses_before_what_fills_it_is_done_and_serves_again_after(store: SqlStore) -> None:
    for tenant_id in TENANTS:
        await read(store, tenant_id)
    end, begun = asyncio.Event(), [asyncio.Event() for _ in range(POOL)]
    tasks = [asyncio.create_task(slow(store, TENANTS[number % 4], end, one)) for number, one in enumerate(begun)]
    await asyncio.gather(*(one.wait() for one in begun))
    with pytest.raises(Unavailable) as caught:
        await read(store, "ten_e")
    assert caught.value.code == "store_unavailable"
    end.set()
    await asyncio.gather(*tasks)
    assert await read(store, "ten_e") == 0


async def test_a_statement_that_takes_too_long_is_stopped_and_its_connection_replaced(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database(postgresql_url, new_id("pool"))
    patient = open_store(url)
    await patient.migrate()
    await patient.close()
    monkeypatch.setattr(postgresql, "COMMAND_S", 2.0)
    store = open_store(url, pool_size=POOL)

    async def sleeping() -> None:
        async with store.begin("ten_a", read_only=True) as work:
            await work.agents._scope.run(text("SELECT pg_sleep(300)"))

    async with asyncio.timeout(100):
        stopped = await asyncio.gather(*(sleeping() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in stopped] == [Unavailable] * 3
    async with asyncio.timeout(60):
        while await asyncio.gather(read(store, "ten_a"), return_exceptions=True) != [
            0
        ]:  # 2 s are little when it is busy
            await asyncio.sleep(0.1)
    await store.close()


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
    shares, order = Shares(10, 60.0), []
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
