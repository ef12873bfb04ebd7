"""The event log inside the process: `memory://`. What is in it ends with the process; the outbox publishes what was not settled anew."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

from voiceagent.domain.events import Event
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.eventlog import Delivery

MAX_ATTEMPTS = 5
HELD_S = 30.0
"""A member that has not settled an event after so long is taken to have died with it."""
KEPT = 10_000


@dataclass(slots=True)
class _Group:
    waiting: deque[Delivery] = field(default_factory=deque)
    held: dict[str, tuple[float, Delivery]] = field(default_factory=dict)
    dead: dict[str, Delivery] = field(default_factory=dict)


class MemoryEventLog:
    """Implements ports.eventlog.EventLog for one event loop. A group begins with what is kept when it first takes."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._kept: deque[Delivery] = deque(maxlen=KEPT)
        self._groups: dict[str, _Group] = {}
        self._count = 0
        self._news = asyncio.Event()
        self._closed = False

    @property
    def is_durable(self) -> bool:
        return False

    async def append(self, events: tuple[Event, ...]) -> None:
        if self._closed:
            raise Unavailable("bus_unavailable", "the event log is closed")
        for event in events:
            self._count += 1
            delivery = Delivery(str(self._count), event, 0)
            self._kept.append(delivery)
            for group in self._groups.values():
                group.waiting.append(delivery)
        self._news.set()

    async def take(self, group: str, member: str, *, wait_s: float) -> tuple[Delivery, ...]:
        known = self._group(group)
        self._give_back(known)
        if not known.waiting:
            self._news.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                return ()
        taken = [replace(one, attempt=one.attempt + 1) for one in known.waiting]
        known.waiting.clear()
        now_s = self._clock.monotonic_s()
        known.held.update({one.mark: (now_s, one) for one in taken})
        return tuple(taken)

    async def settle(self, group: str, deliveries: tuple[Delivery, ...]) -> None:
        for one in deliveries:
            self._group(group).held.pop(one.mark, None)

    async def dead(self, group: str, limit: int) -> tuple[Delivery, ...]:
        return tuple(self._group(group).dead.values())[:limit]

    async def revive(self, group: str, marks: tuple[str, ...]) -> int:
        known = self._group(group)
        found = [known.dead.pop(mark) for mark in marks if mark in known.dead]
        known.waiting.extend(replace(one, attempt=0) for one in found)
        self._news.set()
        return len(found)

    async def close(self) -> None:
        self._closed = True

    def _group(self, name: str) -> _Group:
        return self._groups.setdefault(name, _Group(deque(self._kept)))

    def _give_back(self, group: _Group) -> None:
        late = [one for since_s, one in group.held.values() if self._clock.monotonic_s() - since_s >= HELD_S]
        for one in late:
            del group.held[one.mark]
            if one.attempt >= MAX_ATTEMPTS:
                group.dead[one.mark] = one
            else:
                group.waiting.append(one)


def open_log(url: str) -> MemoryEventLog:
    """A fresh log of this process; `url` is `memory://`."""
    return MemoryEventLog()
