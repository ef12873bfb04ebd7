"""Live notifications between services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from voiceagent.domain.events import Event


class Bus(Protocol):
    """Tells who listens now. May be lost: what must not be lost is a row."""

    async def publish(self, event: Event) -> None:
        """Tell every listener of the event's tenant. Never blocks on a slow listener; raises Unavailable `bus_unavailable`."""
        ...

    def listen(self, tenant_id: str) -> AsyncIterator[Event]:
        """Events of one tenant from now on, in order of publication. A listener more than 1,000 events behind loses the oldest."""
        ...

    async def close(self) -> None:
        """End every listener. Idempotent."""
        ...
