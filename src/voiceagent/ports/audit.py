"""The audit log of the tenant of the unit of work: rows are added, never changed."""

from __future__ import annotations

from typing import Protocol

from voiceagent.domain.audit import AuditEntry


class Audit(Protocol):
    """Deeds, written in the transaction of the deed."""

    async def append(self, entry: AuditEntry) -> None:
        """Add an entry; it can neither be changed nor removed afterwards."""
        ...

    async def page(self, *, before_id: str | None, limit: int) -> tuple[AuditEntry, ...]:
        """At most `limit` entries born before the one named, newest first."""
        ...
