"""The bus over Redis streams, one a tenant: `redis://` and `rediss://`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog
from redis.asyncio import Redis

from voiceagent.domain.events import Event
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.redis_link import FAILURES, FORMS, RedisLink, linked
from voiceagent.kit.tasks import cancellable

_log = structlog.get_logger(__name__)

BACKLOG = 1_000
PUBLISH_S = 0.5
CONNECT_S = 0.2
BLOCK_S = 1.0
"""How long one read waits for news; close() is noticed after at most that long."""
PAUSE_S = 1.0
"""Between tries while Redis is away; what was published meanwhile is lost, as the port allows."""
CONNECTIONS = 10_000
"""One a listener: each waits for its own news."""
KEPT_S = 3_600
"""A stream that nobody writes to any more goes after an hour."""


class RedisBus:
    """Publishes with one client; each listener reads with a connection of its own, because its read blocks."""

    def __init__(self, url: str, *, deadline_s: float = PUBLISH_S, prefix: str = "va:bus:") -> None:
        self._prefix = prefix
        self._deadline_s = deadline_s
        link = link_of(url)
        self._writer = client(link, deadline_s)
        self._reader = client(link, BLOCK_S + deadline_s)
        self._closed = asyncio.Event()

    async def publish(self, event: Event) -> None:
        if self._closed.is_set():
            raise Unavailable("bus_unavailable", "the bus is closed")
        stream = self._prefix + event.tenant_id
        try:
            async with asyncio.timeout(self._deadline_s), self._writer.pipeline(transaction=False) as pipeline:
                pipeline.xadd(stream, {"event": written(event)}, maxlen=BACKLOG, approximate=True)
                pipeline.expire(stream, KEPT_S)
                await cancellable(pipeline.execute())
        except FAILURES as failure:
            raise Unavailable("bus_unavailable", "the bus does not answer", retry_after_s=1.0) from failure

    def listen(self, tenant_id: str) -> AsyncIterator[Event]:
        return self._events(tenant_id)

    async def _events(self, tenant_id: str) -> AsyncIterator[Event]:
        last_id: bytes | str = "$"
        while not self._closed.is_set():
            try:
                entries = await cancellable(self._read(self._prefix + tenant_id, last_id))
            except FAILURES as failure:
                _log.warning("bus_unavailable", error=type(failure).__name__)
                await self._pause()
                continue
            for last_id, fields in entries:  # noqa: B007 - the id of the last entry is where the next read goes on
                event = event_in(fields)
                if event is not None and event.tenant_id == tenant_id:
                    yield event

    async def _read(self, stream: str, last_id: bytes | str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        if last_id == "$":
            newest = await self._reader.xrevrange(stream, count=1)
            last_id = newest[0][0] or "0" if newest else "0"
        answer: Any = await self._reader.xread({stream: last_id}, count=100, block=round(BLOCK_S * 1000))
        return [entry for _, entries in answer or () for entry in entries]

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PAUSE_S):
                await self._closed.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        self._closed.set()
        await self._writer.aclose()
        await self._reader.aclose()


def link_of(url: str) -> RedisLink:
    """The Redis at `url`. Raises Misconfigured `bus_url`."""
    try:
        return linked(url)
    except ValueError as failure:
        raise Misconfigured("bus_url", f"the bus's URL is {FORMS}") from failure


def client(link: RedisLink, socket_s: float) -> Redis:
    """A client whose calls take at most `socket_s`."""
    return link.client(connect_s=CONNECT_S, connections=CONNECTIONS, socket_timeout=socket_s)


def written(event: Event) -> bytes:
    """The event as an entry of a stream holds it."""
    return json.dumps(asdict(event) | {"at": event.at.isoformat()}, separators=(",", ":")).encode()


def event_in(fields: dict[bytes, bytes]) -> Event | None:
    """The event in a stream entry; None for an entry that is not ours, since others may write to the same Redis."""
    try:
        values = json.loads(fields[b"event"])
        return Event(**(values | {"at": datetime.fromisoformat(values["at"])}))
    except (KeyError, TypeError, ValueError):
        _log.warning("bus_entry_refused")
        return None


def open_bus(url: str, *, deadline_s: float = PUBLISH_S) -> RedisBus:
    """The bus in the Redis at `url`; publishing may take `deadline_s`. Connects at the first use. Raises Misconfigured `bus_url`."""
    return RedisBus(url, deadline_s=deadline_s)
