"""Carries events: from the rows of the outbox into the event log, and from the log to each group of consumers. At least once; in order while nothing fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import structlog

from voiceagent.apps.events.shared import event_log
from voiceagent.apps.parts import Parts
from voiceagent.domain.events import Event
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.eventlog import Delivery, EventLog
from voiceagent.ports.outbox import Relay

_log = structlog.get_logger(__name__)

Handle = Callable[[Event], Awaitable[None]]
"""Takes an event; one that it has seen before must change nothing. What it raises, the event is handed out again for."""

NOTICES = "notices"
AT_A_TIME = 200
SETTLED_AT_A_TIME = 100
MOST_UNDER_WAY = 1_000
"""Events that a log in memory holds for its consumers."""
POLL_S = 0.3
PAUSE_S = 1.0
WAIT_S = 2.0
KEPT = timedelta(days=7)
FORGET_EVERY_S = 600.0


class Courier:
    """Publishes what is due. A log that does not outlive the process gets an event again until its consumers are done with it."""

    def __init__(self, relay: Relay, log: EventLog, clock: Clock) -> None:
        self._relay = relay
        self._log = log
        self._clock = clock
        self._under_way: set[str] = set()
        self._groups: set[str] = set()
        self._forgot_s = float("-inf")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                count = await self.published()
                await self._tidied()
            except Problem as problem:
                _log.warning("events_wait", code=problem.code)
                await asyncio.sleep(PAUSE_S)
            else:
                await asyncio.sleep(0 if count else POLL_S)

    async def published(self) -> int:
        """Publish up to AT_A_TIME events; how many. A log in memory is not filled faster than it is emptied."""
        if len(self._under_way) >= MOST_UNDER_WAY + await self._dead():
            return 0
        limit = AT_A_TIME + len(self._under_way)
        before = frozenset(self._under_way)  # what is settled while the rows are read may still be among them
        known = await self._relay.due(limit)
        events = tuple(one for one in known if one.event_id not in before and one.event_id not in self._under_way)
        if not events:
            return 0
        await self._log.append(events)
        if self._log.is_durable:
            await self._relay.published(events, self._clock.now())
        else:
            self._under_way.update(one.event_id for one in events)
        return len(events)

    async def _dead(self) -> int:
        """Events under way for which nobody waits any more."""
        if len(self._under_way) < MOST_UNDER_WAY:
            return 0
        return sum([len(await self._log.dead(group, len(self._under_way))) for group in self._groups])

    async def consume(self, group: str, handle: Handle, member: str) -> None:
        """Hand the events of the log to `handle`, one after the other, until cancelled."""
        while True:
            try:
                await self.consumed(group, handle, member, wait_s=WAIT_S)
            except Problem as problem:
                _log.warning("events_wait", group=group, code=problem.code)
                await asyncio.sleep(PAUSE_S)

    async def consumed(self, group: str, handle: Handle, member: str, *, wait_s: float) -> int:
        """One look at the log; how many events were handed out. Those behind one that failed wait and are handed out again with it."""
        self._groups.add(group)
        deliveries = await self._log.take(group, member, wait_s=wait_s)
        for first in range(0, len(deliveries), SETTLED_AT_A_TIME):
            part = deliveries[first : first + SETTLED_AT_A_TIME]
            done = [one async for one in self._handled(part, group, handle)]
            if done:
                await self._settled(group, tuple(done))
            if len(done) < len(part):
                break
        return len(deliveries)

    async def _handled(self, deliveries: tuple[Delivery, ...], group: str, handle: Handle) -> AsyncIterator[Delivery]:
        """Those that were taken, up to the first that was not."""
        for one in deliveries:
            try:
                await handle(one.event)
            except Problem as problem:
                _log.warning("event_not_handled", group=group, kind=one.event.kind, code=problem.code, try_=one.attempt)
                return
            yield one

    async def _settled(self, group: str, done: tuple[Delivery, ...]) -> None:
        """Several at once: each by itself would cost a commit. What dies before this is handed out again."""
        await self._log.settle(group, done)
        if not self._log.is_durable:
            events = tuple(one.event for one in done)
            await self._relay.published(events, self._clock.now())
            self._under_way.difference_update(event.event_id for event in events)

    async def _tidied(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._forgot_s >= FORGET_EVERY_S:
            self._forgot_s = now_s
            while await self._relay.forget(self._clock.now() - KEPT, AT_A_TIME):
                pass


def start_events(parts: Parts) -> None:
    """Carry events until the process ends: from the outbox into the log, and from there, as notices, to whoever listens on the bus."""
    parts.background(_carrying(parts), name="events")


async def _carrying(parts: Parts) -> None:
    courier = Courier(parts.store.relay, await event_log(parts), parts.clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(courier.run())
        group.create_task(courier.consume(NOTICES, parts.bus.publish, new_id("member")))
