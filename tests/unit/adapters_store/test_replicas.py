"""Reads from a copy that follows the primary: which may, how far it may be behind, and that nobody misses what they just changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from tests.support.ports import free_ports
from tests.support.replicas import Pair, postgresql_pair
from tests.support.servers import psql

from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.cache.noted_writes import NotedWrites
from voiceagent.adapters.store.replicas.following import LOOK_S, PAUSE_S
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.conversation import Conversation
from voiceagent.domain.identity import Tenant
from voiceagent.kit.calls.travel import called_by
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Misconfigured, NotFound
from voiceagent.kit.ids import new_id

LAG_S = 1.0
TENANT = "ten_replicas"


class Later(SystemClock):
    """A clock that stands still until it is put forward."""

    at_s = 1_000.0

    def monotonic_s(self) -> float:
        return self.at_s


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with postgresql_pair() as made:
        yield made


def noted(clock: Clock) -> NotedWrites:
    cache = MemoryCache(SystemClock())
    return NotedWrites(lambda: cache, clock)


@pytest.fixture
async def clock() -> Later:
    return Later()


@pytest.fixture
async def store(pair: Pair, clock: Later) -> AsyncIterator[SqlStore]:
    called_by("")
    pair.resume()
    opened = open_store(
        pair.primary,
        clock=clock,
        replicas=(pair.replica,),
        replica_lag_s=LAG_S,
        recent=noted(clock),
    )
    await opened.migrate()
    if not [one for one in await opened.directory.tenants() if one.tenant_id == TENANT]:
        await opened.directory.add_tenant(Tenant(TENANT, "Replicas", datetime.now(UTC)))
    yield opened
    await opened.close()


async def begin_conversation(store: SqlStore) -> str:
    now = datetime.now(UTC)
    conversation = Conversation(new_id("conv"), "default", "usr_a", "text", now, now)
    async with store.begin(TENANT) as work:
        await work.conversations.add(conversation)
    return conversation.conversation_id


async def sees(store: SqlStore, conversation_id: str) -> bool:
    async with store.begin(TENANT, may_lag=True) as work:
        try:
            await work.conversations.get(conversation_id)
        except NotFound:
            return False
    return True


async def place(store: SqlStore) -> str:
    """Where a read that may lag is answered."""
    async with store.begin(TENANT, may_lag=True) as work:
        found = await work.conversations._scope._connection.exec_driver_sql("SELECT pg_is_in_recovery()")
        return "replica" if found.scalar_one() else "primary"


async def until_place(store: SqlStore, wanted: str, clock: Later) -> None:
    async with asyncio.timeout(60):
        while await place(store) != wanted:
            clock.at_s += LOOK_S
            await asyncio.sleep(0.05)


async def test_reads_that_may_lag_come_from_the_replica_and_no_others(store: SqlStore, clock: Later) -> None:
    conversation_id = await begin_conversation(store)
    await until_place(store, "replica", clock)
    async with asyncio.timeout(60):
        while not await sees(store, conversation_id):
            await asyncio.sleep(0.02)
    for choice in ({}, {"read_only": True}):
        async with store.begin(TENANT, **choice) as work:
            found = await work.conversations._scope._connection.exec_driver_sql("SELECT pg_is_in_recovery()")
            assert found.scalar_one() is False


async def test_a_replica_that_falls_behind_is_skipped_and_comes_back(pair: Pair, store: SqlStore, clock: Later) -> None:
    await until_place(store, "replica", clock)
    pair.pause()
    late = await begin_conversation(store)
    await until_place(store, "primary", clock)  # within the bound it may still be asked
    assert await sees(store, late)
    pair.resume()
    await until_place(store, "replica", clock)
    assert await sees(store, late)


async def test_whoever_changed_something_sees_it_at_once_and_others_within_the_bound(
    pair: Pair, store: SqlStore, clock: Later
) -> None:
    await until_place(store, "replica", clock)
    pair.pause()
    called_by("usr_a")
    mine = await begin_conversation(store)
    assert await sees(store, mine)
    assert await place(store) == "primary"
    called_by("usr_b")
    assert await place(store) == "replica"
    assert not await sees(store, mine)
    pair.resume()
    called_by("usr_a")
    clock.at_s += 60.0
    await until_place(store, "replica", clock)
    assert await sees(store, mine)


async def test_a_write_noted_by_one_process_is_known_to_the_others(pair: Pair, store: SqlStore, clock: Later) -> None:
    cache = MemoryCache(SystemClock())
    here, there = (NotedWrites(lambda: cache, clock) for _ in range(2))
    await here.note("wrote:a:b", for_s=5.0)
    assert await there.has("wrote:a:b")
    assert not await there.has("wrote:a:c")
    assert await NotedWrites(lambda: None, clock).has("wrote:a:c")  # without a cache nobody can tell
    await cache.close()


async def test_a_replica_that_is_gone_costs_no_read(pair: Pair, clock: Later) -> None:
    (port,) = free_ports(1)
    opened = open_store(
        pair.primary,
        clock=clock,
        replicas=(f"postgresql://postgres@127.0.0.1:{port}/postgres", pair.replica),
        replica_lag_s=LAG_S,
        recent=noted(clock),
    )
    try:
        await until_place(opened, "replica", clock)
        assert {await place(opened) for _ in range(6)} == {"replica"}
    finally:
        await opened.close()


async def test_connections_that_the_replica_drops_are_not_felt_for_longer_than_a_read(
    pair: Pair, store: SqlStore, clock: Later
) -> None:
    await until_place(store, "replica", clock)
    psql(pair.replica, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'voiceagent'")
    for _ in range(3):
        assert await place(store) in ("primary", "replica")
    clock.at_s += PAUSE_S
    await until_place(store, "replica", clock)


async def test_a_database_that_follows_nobody_is_no_replica(pair: Pair, clock: Later) -> None:
    opened = open_store(
        pair.primary,
        clock=clock,
        replicas=(pair.primary,),
        replica_lag_s=LAG_S,
        recent=noted(clock),
    )
    try:
        for _ in range(5):
            assert await place(opened) == "primary"
            clock.at_s += LOOK_S
            await asyncio.sleep(0.05)
    finally:
        await opened.close()


def test_replicas_of_a_file_are_refused(tmp_path: object) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_store(
            f"sqlite:///{tmp_path}/a.db",
            replicas=("postgresql://postgres@127.0.0.1/x",),
            recent=noted(SystemClock()),
        )
    assert caught.value.code == "store_url"
