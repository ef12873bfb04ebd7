"""What holds of every adapter on Redis when a primary dies, and with no more rights than docs/redis.md asks for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.support.ports import free_ports
from tests.support.redis_servers import RedisServers, cluster_servers, sentinel_servers
from tests.support.servers import redis_server

from voiceagent.adapters.bus.redis import RedisBus, open_bus
from voiceagent.adapters.bus.redis_log import RedisEventLog
from voiceagent.adapters.cache.redis import RedisCache, open_cache
from voiceagent.adapters.discovery.redis import RedisDiscovery, open_discovery
from voiceagent.domain.events import Event
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.cache import Taking

ACCESS = Path(__file__).parents[2] / "docs" / "redis.md"
TENANTS = tuple(f"ten_{number}" for number in range(12))
"""So many that a cluster of three has some on each primary."""


@dataclass
class Adapters:
    cache: RedisCache
    bus: RedisBus
    log: RedisEventLog
    register: RedisDiscovery


async def _opened(url: str, stack: AsyncExitStack) -> Adapters:
    adapters = Adapters(
        open_cache(url, deadline_s=10.0),
        open_bus(url, deadline_s=10.0),
        RedisEventLog(url),
        open_discovery(url, good_s=600.0),  # nobody renews what is announced here
    )
    for one in (adapters.cache, adapters.bus, adapters.log, adapters.register):
        stack.push_async_callback(one.close)
    return adapters


@pytest.fixture
async def closing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncExitStack]:
    # What was taken and not told in time is gone: a busy machine may need longer than callers wait.
    monkeypatch.setattr("voiceagent.adapters.bus.redis.CONNECT_S", 2.0)
    monkeypatch.setattr("voiceagent.adapters.bus.redis_log.CALL_S", 10.0)
    async with AsyncExitStack() as stack:
        yield stack


async def _patiently(work: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(60):
        while True:
            try:
                return await work()
            except Unavailable:
                await asyncio.sleep(0.05)


async def _waits_s(cache: RedisCache, takings: list[Taking]) -> list[float]:
    return [one.wait_s for one in await _patiently(lambda: cache.allow(takings))]


def _event(tenant_id: str) -> Event:
    return Event(f"evt_{tenant_id}", tenant_id, "turn_committed", "conv_1", datetime.now(UTC), {})


async def _everything_works(adapters: Adapters) -> None:
    cache, bus, log, register = adapters.cache, adapters.bus, adapters.log, adapters.register
    for tenant in TENANTS:
        await _patiently(lambda name=tenant: cache.put(name, name.encode(), ttl_s=600))  # type: ignore[misc]
        assert await _patiently(lambda name=tenant: cache.get(name)) == tenant.encode()  # type: ignore[misc]
    assert await _patiently(lambda: cache.take(TENANTS[0])) == TENANTS[0].encode()
    await _patiently(lambda: cache.delete(TENANTS[1]))
    takings = [Taking(name, 1.0, 5, 1) for name in TENANTS]
    assert await _waits_s(cache, takings) == [0.0] * len(TENANTS)
    assert await _patiently(lambda: cache.leases.hold("h", {"a": 1, "b": 1}, ttl_s=600)) is None
    await _patiently(lambda: cache.leases.renew("h", ("a", "b"), ttl_s=600))
    assert await _patiently(lambda: cache.leases.held("b")) == 1
    await _patiently(lambda: cache.leases.give_back("h", ("a", "b")))
    await _patiently(lambda: log.append((_event("ten_0"), _event("ten_1"))))
    taken = await _patiently(lambda: log.take("group", "member", wait_s=1.0))
    assert [one.event.tenant_id for one in taken] == ["ten_0", "ten_1"]
    await _patiently(lambda: log.settle("group", taken))
    assert await _patiently(lambda: log.dead("group", 5)) == ()
    await _patiently(lambda: register.announce("engine", "http://h:1"))
    assert await _patiently(lambda: register.addresses("engine")) == ("http://h:1",)
    await _patiently(lambda: register.withdraw("engine", "http://h:1"))
    for tenant in TENANTS:
        await _is_heard(bus, tenant)


async def _is_heard(bus: RedisBus, tenant: str) -> None:
    async def publish_until_heard() -> None:
        while True:
            await _patiently(lambda: bus.publish(_event(tenant)))
            await asyncio.sleep(0.02)

    publishing = asyncio.ensure_future(publish_until_heard())
    try:
        async with asyncio.timeout(60), aclosing(bus.listen(tenant)) as events:  # type: ignore[type-var]
            async for event in events:
                assert event.tenant_id == tenant
                return
    finally:
        publishing.cancel()


@pytest.fixture(params=[sentinel_servers, cluster_servers], ids=["sentinel", "cluster"])
def servers(request: pytest.FixtureRequest) -> Iterator[RedisServers]:
    with request.param() as running:
        yield running


async def test_after_a_primary_died_everything_works_again_without_a_restart(
    servers: RedisServers, closing: AsyncExitStack
) -> None:
    adapters = await _opened(servers.url, closing)
    await _everything_works(adapters)
    servers.primaries[min(servers.primaries)].kill()
    again = await _opened(servers.url, closing)
    await _everything_works_again(adapters)
    await _everything_works_again(again)


async def _everything_works_again(adapters: Adapters) -> None:
    """Some may have been lost with the primary: a group of readers, a place; nothing of it stands in the way."""
    for tenant in TENANTS:
        await _patiently(lambda name=tenant: adapters.cache.put(name, b"x", ttl_s=600))  # type: ignore[misc]
        await _is_heard(adapters.bus, tenant)
    assert await _waits_s(adapters.cache, [Taking(name, 1.0, 100, 1) for name in TENANTS]) == [0.0] * len(TENANTS)
    await _patiently(lambda: adapters.register.announce("voice", "http://h:1"))
    assert await _patiently(lambda: adapters.register.addresses("voice")) == ("http://h:1",)
    event = _event("ten_2")
    await _patiently(lambda: adapters.log.append((event,)))
    async with asyncio.timeout(60):
        while event not in [one.event for one in await _patiently(lambda: adapters.log.take("g2", "m", wait_s=0.5))]:
            pass


async def test_the_rights_that_the_manual_names_are_enough_and_dangerous_commands_are_not_among_them(
    closing: AsyncExitStack,
) -> None:
    (line,) = re.findall(r"^user voiceagent .*$", ACCESS.read_text(), re.MULTILINE)
    with redis_server() as (url, _):
        async with Redis.from_url(url) as admin:
            await admin.execute_command("ACL", "SETUSER", *line.replace(">PASSWORD", ">secret").split()[1:])
            await admin.execute_command("ACL", "SETUSER", "default", "off")
        ours = url.replace("redis://", "redis://voiceagent:secret@")
        await _everything_works(await _opened(ours, closing))
        async with Redis.from_url(ours) as client:
            for command in (
                "KEYS *",
                "FLUSHALL",
                "FLUSHDB",
                "CONFIG GET *",
                "SHUTDOWN",
                "SCAN 0",
                "ACL LIST",
                "CLIENT LIST",
                "MONITOR",
            ):
                with pytest.raises(Exception, match=r"(?i)no permissions"):
                    await client.execute_command(*command.split())
            with pytest.raises(Exception, match=r"(?i)no permissions"):
                await client.get("another:key")


@pytest.mark.parametrize("form", ["redis+sentinel://127.0.0.1:{port}/main", "redis+cluster://127.0.0.1:{port}"])
async def test_while_none_of_them_is_there_each_call_says_so_and_ends(form: str, closing: AsyncExitStack) -> None:
    (port,) = free_ports(1)
    adapters = await _opened(form.format(port=port), closing)
    calls: list[Awaitable[Any]] = [
        adapters.cache.get("key"),
        adapters.cache.allow([Taking("key", 1.0, 5, 1)]),
        adapters.cache.leases.hold("h", {"a": 1}, ttl_s=600),
        adapters.bus.publish(_event("ten_0")),
        adapters.log.append((_event("ten_0"),)),
        adapters.log.take("group", "member", wait_s=0.1),
        adapters.register.announce("engine", "http://h:1"),
        adapters.register.addresses("engine"),
    ]
    async with asyncio.timeout(100):
        for call in calls:
            with pytest.raises(Unavailable):
                await call
