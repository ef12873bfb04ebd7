"""The audit log of a tenant as rows, each bound to the one before by its hash."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from sqlalchemy import ColumnElement, select, text

from voiceagent.adapters.store.columns import clean
from voiceagent.adapters.store.outbox.events import SqlOutbox
from voiceagent.adapters.store.scope import Scope, mine, param, restored
from voiceagent.adapters.store.tables import audit
from voiceagent.domain.audit import AuditEntry, AuditQuery, AuditRecord, chained
from voiceagent.domain.events import DEEDS_TOLD, Event

_ENTRY = tuple(field.name for field in dataclasses.fields(AuditEntry))
_LOCK = text("SELECT pg_advisory_xact_lock(:p_audit_lock)")
_BACK = select(audit).where(mine(audit)).order_by(audit.c.sequence.desc())
_HEAD = _BACK.limit(1)
_NEWEST = _BACK.limit(param("count"))
_BORN_BEFORE = _NEWEST.where(
    audit.c.sequence
    < select(audit.c.sequence).where(mine(audit), audit.c.entry_id == param("before_id")).scalar_subquery()
)
_FOLLOWING = (
    select(audit).where(mine(audit), audit.c.sequence > param("after")).order_by(audit.c.sequence).limit(param("count"))
)
_WANTED: dict[str, ColumnElement[bool]] = {
    **{name: audit.c[name] == param(name, audit.c[name]) for name in ("subject", "action", "object_id", "request_id")},
    "since": audit.c.at >= param("since", audit.c.at),
    "until": audit.c.at < param("until", audit.c.at),
    "before": audit.c.sequence < param("before", audit.c.sequence),
}


class SqlAudit:
    """Audit records of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._newest: AuditRecord | None = None  # of this transaction, behind which nobody else can write

    async def append(self, entry: AuditEntry) -> None:
        """SQLite has one writer at a time; on PostgreSQL a lock that ends with the transaction keeps the next one waiting."""
        newest = self._newest or await self._head()
        record = chained(self._scope.tenant_id, newest, _as_kept(entry))
        await self._scope.put(audit.insert(), _row(record))
        self._newest = record
        if entry.action in DEEDS_TOLD:
            told = Event(f"evt_{entry.entry_id}", self._scope.tenant_id, entry.action, entry.object_id, entry.at)
            await SqlOutbox(self._scope).add(told)

    async def _head(self) -> AuditRecord | None:
        if self._scope.dialect == "postgresql":
            await self._scope.run(_LOCK, audit_lock=_lock_of(self._scope.tenant_id))
        row = await self._scope.row(_HEAD)
        return None if row is None else _record(row)

    async def page(self, *, before_id: str | None, limit: int) -> tuple[AuditEntry, ...]:
        if before_id is None:
            rows = await self._scope.rows(_NEWEST, count=limit)
        else:
            rows = await self._scope.rows(_BORN_BEFORE, count=limit, before_id=before_id)
        return tuple(restored(AuditEntry, row) for row in rows)

    async def find(self, query: AuditQuery, *, before: int | None, limit: int) -> tuple[AuditRecord, ...]:
        wanted = {**dataclasses.asdict(query), "before": before}
        values = {name: value for name, value in wanted.items() if value is not None}
        statement = _NEWEST.where(*(_WANTED[name] for name in values))
        return tuple(_record(row) for row in await self._scope.rows(statement, count=limit, **values))

    async def records(self, *, after: int, limit: int) -> tuple[AuditRecord, ...]:
        rows = await self._scope.run(_FOLLOWING, after=after, count=limit)  # a verifier reads millions: no dictionaries
        return tuple(
            AuditRecord(tenant_id, sequence, previous, sha256, AuditEntry(*entry))
            for tenant_id, *entry, sequence, previous, sha256 in map(tuple, rows)
        )


def _as_kept(entry: AuditEntry) -> AuditEntry:
    """The entry as the database will give it back, so that its hash fits then too."""
    words: dict[str, Any] = {
        name: clean(getattr(entry, name)) for name in ("entry_id", "subject", "action", "object_id", "request_id")
    }
    data = {clean(name): clean(value) if isinstance(value, str) else value for name, value in entry.data.items()}
    return dataclasses.replace(entry, data=data, **words)


def _row(record: AuditRecord) -> dict[str, Any]:
    place = {"sequence": record.sequence, "previous_sha256": record.previous_sha256, "sha256": record.sha256}
    return {name: getattr(record.entry, name) for name in _ENTRY} | place


def _record(row: dict[str, Any]) -> AuditRecord:
    entry = AuditEntry(
        row["entry_id"], row["at"], row["subject"], row["action"], row["object_id"], row["request_id"], row["data"]
    )
    return AuditRecord(row["tenant_id"], row["sequence"], row["previous_sha256"], row["sha256"], entry)


def _lock_of(tenant_id: str) -> int:
    """A number for the tenant: two that share one wait for each other, and no more."""
    return int.from_bytes(hashlib.sha256(b"audit\0" + tenant_id.encode()).digest()[:8], signed=True)
