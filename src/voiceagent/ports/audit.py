"""The audit log of the tenant of the unit of work: records are added, never changed. And the anchors that are kept apart from it."""

from __future__ import annotations

from typing import Protocol

from voiceagent.domain.audit import AuditEntry, AuditQuery, AuditRecord
from voiceagent.domain.trail.check import Anchor


class Audit(Protocol):
    """Deeds, written in the transaction of the deed."""

    async def append(self, entry: AuditEntry) -> None:
        """Add an entry behind the newest record of the tenant; it can neither be changed nor removed afterwards.

        Numbers have no gaps: a transaction that rolls back leaves none. Until it ends, others that append for the same tenant wait.
        """
        ...

    async def page(self, *, before_id: str | None, limit: int) -> tuple[AuditEntry, ...]:
        """At most `limit` entries written before the one named, newest first."""
        ...

    async def find(self, query: AuditQuery, *, before: int | None, limit: int) -> tuple[AuditRecord, ...]:
        """At most `limit` records that the query wants, numbered below `before`, newest first."""
        ...

    async def records(self, *, after: int, limit: int) -> tuple[AuditRecord, ...]:
        """At most `limit` records numbered above `after`, oldest first, as they are stored."""
        ...


class Anchors(Protocol):
    """Signed notes of what the logs were, kept where who can change the database cannot change them."""

    async def keep(self, anchor: Anchor) -> None:
        """Sign and add an anchor; durable when it returns. Raises Conflict `anchor_elsewhere` when it does not begin behind the tenant's
        newest, StorageFull `storage_full`, Unavailable `anchors_unavailable`."""
        ...

    async def last(self, tenant_id: str) -> Anchor | None:
        """The newest anchor of the tenant, None when there is none."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
