"""Who did what, when: the rows of the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


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
