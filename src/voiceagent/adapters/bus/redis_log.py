"""The event log as one Redis stream with consumer groups: `redis://` and `rediss://`. Dead letters are a hash beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from voiceagent.adapters.bus.redis import client, event_in, link_of, written
from voiceagent.domain.events import Event
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.redis_link import FAILURES
from voiceagent.kit.tasks import cancellable
from voiceagent.ports.eventlog import Delivery

MAX_ATTEMPTS = 5
HELD_S = 30.0
"""A member that has not settled an event after so long is taken to have died with it."""
KEPT = 1_000_000
"""Events in the stream; the rows of the outbox are the truth, and are kept longer."""
AT_A_TIME = 100
CALL_S = 2.0
T = TypeVar("T")


class RedisEventLog:
    """Implements ports.eventlog.EventLog. held_s: see HELD_S."""

    def __init__(self, url: str, *, prefix: str = "va:events", held_s: float = HELD_S) -> None:
        link = link_of(url)
        self._stream = link.together(prefix)
        self._held_ms = round(held_s * 1000)
        self._client: Redis = client(link, CALL_S)
        self._reader: Redis = client(link, 60.0)
        self._known: set[str] = set()

    @property
    def is_durable(self) -> bool:
        return True

    async def append(self, events: tuple[Event, ...]) -> None:
        await _told(self._append(events), CALL_S)

    async def _append(self, events: tuple[Event, ...]) -> None:
        async with self._client.pipeline(transaction=True) as pipeline:
            for event in events:
                pipeline.xadd(self._stream, {"event": written(event)}, maxlen=KEPT, approximate=True)
            await pipeline.execute()

    async def take(self, group: str, member: str, *, wait_s: float) -> tuple[Delivery, ...]:
        await self._ensure(group)
        left = await self._left_over(group, member)
        if left:
            return left
        block = max(1, round(wait_s * 1000))
        read = self._reader.xreadgroup(group, member, {self._stream: ">"}, count=AT_A_TIME, block=block)
        answer: Any = await _told(read, wait_s + CALL_S)
        entries = [entry for _, found in answer or () for entry in found]
        return await self._deliveries(group, [(mark, fields, 1) for mark, fields in entries])

    async def settle(self, group: str, deliveries: tuple[Delivery, ...]) -> None:
        if deliveries:
            await _told(self._client.xack(self._stream, group, *(one.mark for one in deliveries)), CALL_S)

    async def dead(self, group: str, limit: int) -> tuple[Delivery, ...]:
        found: Any = await _told(self._client.hgetall(self._dead(group)), CALL_S)
        letters = [(mark.decode(), event_in({b"event": data})) for mark, data in sorted(found.items())]
        return tuple(Delivery(mark, event, MAX_ATTEMPTS) for mark, event in letters if event is not None)[:limit]

    async def revive(self, group: str, marks: tuple[str, ...]) -> int:
        """As new entries, for this group and the others: they have seen the event before and take it again."""
        wanted = [one for one in await self.dead(group, KEPT) if one.mark in marks]
        if wanted:
            await self.append(tuple(one.event for one in wanted))
            await _told(self._client.hdel(self._dead(group), *(one.mark for one in wanted)), CALL_S)
        return len(wanted)

    async def close(self) -> None:
        await self._client.aclose()
        await self._reader.aclose()

    async def _ensure(self, group: str) -> None:
        if group in self._known:
            return
        try:
            await _told(self._client.xgroup_create(self._stream, group, id="0", mkstream=True), CALL_S)
        except ResponseError as failure:
            if "BUSYGROUP" not in str(failure):
                raise _away(failure) from failure
        self._known.add(group)

    async def _left_over(self, group: str, member: str) -> tuple[Delivery, ...]:
        """What another member, or this one in an earlier life, took and did not settle in time."""
        claim = self._client.xautoclaim(self._stream, group, member, self._held_ms, "0-0", count=AT_A_TIME)
        answer: Any = await _told(claim, CALL_S)
        entries = answer[1]
        if not entries:
            return ()
        marks = [mark for mark, _ in entries]
        pending: Any = await _told(
            self._client.xpending_range(self._stream, group, marks[0], marks[-1], AT_A_TIME, member), CALL_S
        )
        times = {one["message_id"]: one["times_delivered"] for one in pending}
        return await self._deliveries(group, [(mark, fields, times.get(mark, 1)) for mark, fields in entries])

    async def _deliveries(
        self, group: str, entries: list[tuple[bytes, dict[bytes, bytes], int]]
    ) -> tuple[Delivery, ...]:
        found = []
        for mark, fields, attempt in entries:
            event = event_in(fields)
            if event is None:
                await _told(self._client.xack(self._stream, group, mark), CALL_S)
            elif attempt > MAX_ATTEMPTS:
                await _told(self._bury(group, mark, fields[b"event"]), CALL_S)
            else:
                found.append(Delivery(mark.decode(), event, attempt))
        return tuple(found)

    async def _bury(self, group: str, mark: bytes, data: bytes) -> None:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hset(self._dead(group), mark.decode(), data.decode())
            pipeline.xack(self._stream, group, mark)
            await pipeline.execute()

    def _dead(self, group: str) -> str:
        return f"{self._stream}:dead:{group}"


async def _told(answer: Awaitable[T], within_s: float) -> T:
    try:
        async with asyncio.timeout(within_s):
            return await cancellable(answer)
    except ResponseError:
        raise
    except FAILURES as failure:
        raise _away(failure) from failure


def _away(failure: Exception) -> Unavailable:
    return Unavailable(
        "bus_unavailable", f"the event log does not answer ({type(failure).__name__})", retry_after_s=1.0
    )


def open_log(url: str) -> RedisEventLog:
    """The event log in the Redis at `url`. Connects at the first use. Raises Misconfigured `bus_url`."""
    return RedisEventLog(url)
