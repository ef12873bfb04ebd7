"""Facts that services tell each other over the bus. Past tense, no content: ids and states only, never transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a tenant. `subject_id` names what it happened to; `data` holds small plain values."""

    event_id: str
    tenant_id: str
    kind: str  # conversation_opened, turn_committed, document_ready, document_failed, key_revoked, ...
    subject_id: str
    at: datetime
    data: dict[str, str | int | float | bool | None] = field(default_factory=dict)
