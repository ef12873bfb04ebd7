"""The sentences of ports/outbox.py and ports/eventlog.py, on real servers; and events from a transaction to their consumers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.servers import fresh_database

from voiceagent.adapters.bus.memory_log import MemoryEventLog
from voiceagent.adapters.bus.redis_log import RedisEventLog
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.apps.events.courier import Courier
from voiceagent.domain.events import Event
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.eventlog import EventLog

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, patient: None) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/voiceagent.db"
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("postgresql_url"), new_id("outbox"))
    opened = open_store(url)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "redis", "sentinel", "cluster"])
async def log(request: pytest.FixtureRequest, patient: None) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        opened: EventLog = MemoryEventLog()
    else:
        opened = RedisEventLog(request.getfixturevalue(f"{request.param}_url"), prefix=new_id("events"))
    yield opened
    await opened.close()


def event(number: int, tenant: str = "ten_a") -> Event:
    return Event(
        f"evt_{tenant}_{number:03}", tenant, "document_ready", f"doc_{number}", NOW + timedelta(seconds=number)
    )


async def test_an_event_is_due_when_its_transaction_was_committed_and_only_then(store: SqlStore) -> None:
    with pytest.raises(RuntimeError):
        async with store.begin("ten_a") as work:
            await work.outbox.add(event(0))
            raise RuntimeError
    async with store.begin("ten_a") as work:
        await work.outbox.add(event(2))
        await work.outbox.add(event(2))
    async with store.begin("ten_b") as work:
        await work.outbox.add(event(1, "ten_b"))
    due = await store.relay.due(10)
    assert due == (event(1, "ten_b"), event(2))
    assert await store.relay.depth() == 2
    await store.relay.published(due[:1], NOW)
    assert await store.relay.due(10) == (event(2),)
    assert await store.relay.forget(NOW, 10) == 0
    assert await store.relay.forget(NOW + timedelta(days=1), 10) == 1


async def test_every_group_sees_each_event_once_it_settles_it(log: EventLog) -> None:
    events = tuple(event(number) for number in range(5))
    await log.append(events)
    for group in ("one", "two"):
        taken = await log.take(group, "member", wait_s=0.1)
        assert tuple(delivery.event for delivery in taken) == events
        await log.settle(group, taken)
        assert await log.take(group, "other", wait_s=0.05) == ()


@pytest.mark.parametrize("servers", ["redis_url", "cluster_url"])
async def test_what_a_dead_member_took_goes_to_another_and_ends_as_a_dead_letter(
    servers: str, request: pytest.FixtureRequest, patient: None
) -> None:
    log = RedisEventLog(request.getfixturevalue(servers), prefix=new_id("events"), held_s=0.0)
    await log.append((event(1),))
    attempts = []
    for number in range(8):
        attempts += [one.attempt for one in await log.take("group", f"member_{number}", wait_s=0.02)]
    assert attempts == [1, 2, 3, 4, 5]
    (letter,) = await log.dead("group", 10)
    assert letter.event == event(1)
    assert await log.revive("group", (letter.mark, "none")) == 1
    assert await log.dead("group", 10) == ()
    assert [one.event for one in await log.take("group", "member", wait_s=0.1)] == [event(1)]
    await log.close()


async def test_events_reach_their_consumer_even_when_the_publisher_died_between(store: SqlStore, log: EventLog) -> None:
    """A publisher that dies after it appended and before it said so leads to a second sight, never to a loss."""
    async with store.begin("ten_a") as work:
        for number in range(7):
            await work.outbox.add(event(number))
    await log.append(await store.relay.due(10))  # and here it died
    courier, seen = Courier(store.relay, log, SystemClock()), []

    async def handle(one: Event) -> None:
        seen.append(one.event_id)

    assert await courier.published() == 7
    while await courier.consumed("group", handle, "member", wait_s=0.1):
        pass
    assert set(seen) == {event(number).event_id for number in range(7)}
    assert len(seen) == 14
    assert await store.relay.depth() == 0


async def test_an_event_that_fails_holds_back_those_behind_it(store: SqlStore) -> None:
    log = MemoryEventLog()
    async with store.begin("ten_a") as work:
        for number in range(3):
            await work.outbox.add(event(number))
    courier, seen = Courier(store.relay, log, SystemClock()), []

    async def handle(one: Event) -> None:
        if one == event(1):
            raise Unavailable("bus_unavailable", "no")
        seen.append(one)

    await courier.published()
    await courier.consumed("group", handle, "member", wait_s=0.1)
    assert seen == [event(0)]
    assert await store.relay.depth() == 2
    assert await courier.published() == 0, "they are under way and not appended twice"
