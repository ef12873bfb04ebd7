"""Who did what, when: the entries of the audit log and the chain of hashes that binds each to all before it. No storage, no keys."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

FIRST_PREVIOUS = "0" * 64
"""What stands for the hash before the first record."""

_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. subject: who did it (Principal.subject).  action: such as `key_created`.  object_id: to what.

    data: small plain values, no secrets and no content.  entry_id sorts by time of birth.
    """

    entry_id: str
    at: datetime
    subject: str
    action: str
    object_id: str
    request_id: str = ""
    data: dict[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry in its place. sequence: 1, 2, 3 ... within the tenant, without gaps.

    sha256: of the canonical form of the entry, its place and `previous_sha256`, the hash of the record before.
    """

    tenant_id: str
    sequence: int
    previous_sha256: str
    sha256: str
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; None does not restrict. since: at or after.  until: before."""

    subject: str | None = None
    action: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def chained(tenant_id: str, last: AuditRecord | None, entry: AuditEntry) -> AuditRecord:
    """The record that follows `last`, the newest one of the tenant, or None for the first."""
    sequence, previous = (last.sequence + 1, last.sha256) if last else (1, FIRST_PREVIOUS)
    return AuditRecord(tenant_id, sequence, previous, digest(tenant_id, sequence, previous, entry), entry)


def digest(tenant_id: str, sequence: int, previous_sha256: str, entry: AuditEntry) -> str:
    """The hash of a record: SHA-256 over JSON with sorted names, no blanks, ASCII alone, times in UTC to the microsecond.

    A whole number is written as one, whatever its type: a database may give 2.0 back as 2.
    """
    told = {
        "action": entry.action,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "data": {name: _plain(value) for name, value in entry.data.items()},
        "entry_id": entry.entry_id,
        "object_id": entry.object_id,
        "previous": previous_sha256,
        "request_id": entry.request_id,
        "sequence": sequence,
        "subject": entry.subject,
        "tenant_id": tenant_id,
    }
    return hashlib.sha256(_encoded(told).encode()).hexdigest()


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
