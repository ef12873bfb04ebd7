"""The bus inside the process: `memory://`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from weakref import WeakSet

from voiceagent.domain.events import Event
from voiceagent.kit.errors import Unavailable

BACKLOG = 1_000


class MemoryBus:
    """Hands each event to the queues of its tenant's listeners. Must be used from one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, WeakSet[_Listener]] = {}
        self._closed = False

    async def publish(self, event: Event) -> None:
        if self._closed:
            raise Unavailable("bus_unavailable", "the bus is closed")
        for listener in self._listeners.get(event.tenant_id, ()):
            listener.tell(event)

    def listen(self, tenant_id: str) -> AsyncIterator[Event]:
        listener = _Listener()
        if self._closed:
            listener.end()
        self._listeners.setdefault(tenant_id, WeakSet()).add(listener)
        return self._events(tenant_id, listener)

    async def _events(self, tenant_id: str, listener: _Listener) -> AsyncIterator[Event]:
        try:
            async for event in listener:
                yield event
        finally:
            listeners = self._listeners.get(tenant_id)
            if listeners is not None:
                listeners.discard(listener)
                if not listeners:
                    del self._listeners[tenant_id]

    async def close(self) -> None:
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end()


class _Listener:
    """The events that one listener has still to take. The bus holds it weakly: an iterator that nobody keeps is forgotten."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=BACKLOG)
        self._news = asyncio.Event()
        self._ended = False

    def tell(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def __aiter__(self) -> _Listener:
        return self

    async def __anext__(self) -> Event:
        while not self._events and not self._ended:
            self._news.clear()
            await self._news.wait()
        if self._ended:
            raise StopAsyncIteration
        return self._events.popleft()


def open_bus(url: str) -> MemoryBus:
    """A fresh bus of this process; `url` is `memory://`."""
    return MemoryBus()
