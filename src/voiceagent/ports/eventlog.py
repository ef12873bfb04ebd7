"""Events for consumers that must see each at least once, also those that were away when it was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.events import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as a group of consumers gets it. attempt: how often it was handed out, this time included.  mark: where it stands in the log."""

    mark: str
    event: Event
    attempt: int = 1


class EventLog(Protocol):
    """A log of events. A group sees each event once it is settled by one of its members; a consumer must take a second sight of an event."""

    @property
    def is_durable(self) -> bool:
        """Whether what was appended outlives this process."""
        ...

    async def append(self, events: tuple[Event, ...]) -> None:
        """Add them, in order. Raises Unavailable `bus_unavailable`."""
        ...

    async def take(self, group: str, member: str, *, wait_s: float) -> tuple[Delivery, ...]:
        """Events that no member of the group has, or that a member has had for too long; waits at most `wait_s` for one.

        An event that was handed out `MAX_ATTEMPTS` times and not settled becomes a dead letter. Raises Unavailable `bus_unavailable`.
        """
        ...

    async def settle(self, group: str, deliveries: tuple[Delivery, ...]) -> None:
        """The effect of these is stored: the group is done with them. Idempotent."""
        ...

    async def dead(self, group: str, limit: int) -> tuple[Delivery, ...]:
        """At most `limit` dead letters of the group, oldest first."""
        ...

    async def revive(self, group: str, marks: tuple[str, ...]) -> int:
        """Hand these dead letters out again, from the first attempt on; how many there were."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
