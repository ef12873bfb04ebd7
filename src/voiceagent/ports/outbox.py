"""Events that must not be lost: written as rows in the transaction of what they tell, published afterwards, at least once."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from voiceagent.domain.events import Event


class Outbox(Protocol):
    """Events of the tenant of the unit of work."""

    async def add(self, event: Event) -> None:
        """Have the event published once this transaction has been committed, and never if it is rolled back. An id that is known changes nothing."""
        ...


class Relay(Protocol):
    """What publishes the rows of every tenant. Each call is a transaction of its own."""

    async def due(self, limit: int) -> tuple[Event, ...]:
        """At most `limit` events that were not marked published, oldest first. Raises Unavailable `store_unavailable`."""
        ...

    async def published(self, events: tuple[Event, ...], at: datetime) -> None:
        """Mark them published. One that is published and not marked, because the process died between, is published again."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` rows that were published before; how many."""
        ...

    async def depth(self) -> int:
        """Events that wait."""
        ...
