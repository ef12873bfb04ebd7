"""The sentences of ports/bus.py, for every adapter of the port, on a real Redis."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from voiceagent.adapters.bus.memory import MemoryBus
from voiceagent.adapters.bus.memory import open_bus as open_memory
from voiceagent.adapters.bus.redis import open_bus as open_redis
from voiceagent.domain.events import Event
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.bus import Bus


@pytest.fixture(params=["memory", "redis", "sentinel", "cluster"])
async def bus(request: pytest.FixtureRequest, patient: None) -> AsyncIterator[Bus]:
    if request.param == "memory":
        opened: Bus = open_memory("memory://")
    else:
        opened = open_redis(request.getfixturevalue(f"{request.param}_url"), deadline_s=60)
    yield opened
    await opened.close()


@pytest.fixture
def tenant() -> str:
    return new_id("ten")


def _event(tenant_id: str, number: int = 0) -> Event:
    data: dict[str, str | int | float | bool | None] = {"number": number, "text": "ü", "none": None, "yes": True}
    return Event(new_id("evt"), tenant_id, "turn_committed", f"conv_{number}", datetime.now(UTC), data)


class _Ear:
    """A listener in a task, known to hear before the test goes on."""

    def __init__(self, bus: Bus, tenant_id: str) -> None:
        self.heard: list[Event] = []
        self._bus, self._tenant_id = bus, tenant_id
        self._task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for event in self._bus.listen(self._tenant_id):
            self.heard.append(event)

    async def ready(self) -> _Ear:
        async with asyncio.timeout(60):
            while not self.heard:
                await self._bus.publish(_event(self._tenant_id, -1))
                await asyncio.sleep(0.01)
        return self

    async def until(self, number: int) -> list[int]:
        async with asyncio.timeout(60):
            while not any(event.data["number"] == number for event in self.heard):
                await asyncio.sleep(0.01)
        return [int(str(event.data["number"])) for event in self.heard if event.data["number"] != -1]

    async def end(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def ended(self) -> None:
        async with asyncio.timeout(60):
            await self._task


async def test_every_listener_of_the_tenant_is_told_in_order(bus: Bus, tenant: str) -> None:
    ears = [await _Ear(bus, tenant).ready() for _ in range(3)]
    events = [_event(tenant, number) for number in range(50)]
    for event in events:
        await bus.publish(event)
    for ear in ears:
        assert await ear.until(49) == list(range(50))
        assert ear.heard[-50:] == events, "an event arrives as it was published"
        await ear.end()


async def test_a_tenant_never_hears_another(bus: Bus, tenant: str) -> None:
    ear, other = await _Ear(bus, tenant).ready(), await _Ear(bus, f"{tenant}x").ready()
    await bus.publish(_event(f"{tenant}x", 1))
    await bus.publish(_event(tenant, 2))
    assert await ear.until(2) == [2]
    assert await other.until(1) == [1]
    await ear.end()
    await other.end()


async def test_what_was_published_before_is_not_heard(bus: Bus, tenant: str) -> None:
    await bus.publish(_event(tenant, 1))
    ear = await _Ear(bus, tenant).ready()
    await bus.publish(_event(tenant, 2))
    assert await ear.until(2) == [2]
    await ear.end()


async def test_publishing_to_nobody_is_fine(bus: Bus, tenant: str) -> None:
    await bus.publish(_event(tenant))


async def test_a_listener_far_behind_loses_the_oldest_and_never_blocks_the_publisher(bus: Bus, tenant: str) -> None:
    events = bus.listen(tenant)
    first = asyncio.ensure_future(anext(events))
    while not first.done():
        await bus.publish(_event(tenant, -1))
        await asyncio.wait({first}, timeout=0.02)
    for number in range(3_000):
        await bus.publish(_event(tenant, number))
    heard = []
    async with asyncio.timeout(60):
        while not heard or heard[-1] != 2_999:
            heard.append((await anext(events)).data["number"])
    kept = [number for number in heard if number != -1]
    assert kept == sorted(kept)  # type: ignore[type-var]
    assert 1_000 <= len(kept) <= 1_300, "the last thousand; Redis trims whole nodes of a stream"


async def test_closing_ends_every_listener(bus: Bus, tenant: str) -> None:
    ears = [await _Ear(bus, tenant).ready() for _ in range(2)]
    await bus.close()
    for ear in ears:
        await ear.ended()
    await bus.close()


async def test_a_closed_bus_refuses_and_gives_no_events(bus: Bus, tenant: str) -> None:
    await bus.close()
    with pytest.raises(Unavailable) as caught:
        await bus.publish(_event(tenant))
    assert caught.value.code == "bus_unavailable"
    assert [event async for event in bus.listen(tenant)] == []


async def test_a_cancelled_listener_harms_no_other(bus: Bus, tenant: str) -> None:
    leaving, staying = await _Ear(bus, tenant).ready(), await _Ear(bus, tenant).ready()
    await leaving.end()
    await bus.publish(_event(tenant, 5))
    assert await staying.until(5) == [5]
    await staying.end()


# --- what one adapter alone can show ------------------------------------------------------------------------------------


async def test_a_listener_that_nobody_keeps_is_forgotten(tenant: str) -> None:
    bus = MemoryBus()
    for _ in range(10):
        bus.listen(tenant)
    gc.collect()
    assert not list(bus._listeners[tenant])


async def test_a_dead_redis_is_unavailable(tenant: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        bus = open_redis(f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        with pytest.raises(Unavailable) as caught:
            await bus.publish(_event(tenant))
        assert caught.value.code == "bus_unavailable"
        await bus.close()


async def test_what_others_write_into_the_stream_is_left_out(redis_url: str, tenant: str, patient: None) -> None:
    bus, client = open_redis(redis_url, deadline_s=60), Redis.from_url(redis_url)
    ear = await _Ear(bus, tenant).ready()
    stream = f"va:bus:{tenant}"
    for entry in (b"not json", b"{}", b'{"at": "yesterday"}', b"[1]"):
        await client.xadd(stream, {"event": entry})
    await client.xadd(stream, {"other": "field"})
    await bus.publish(_event(tenant, 3))
    assert await ear.until(3) == [3]
    await ear.end()
    await client.aclose()
    await bus.close()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(Misconfigured, match="redis://"):
        open_redis("redis://[")
