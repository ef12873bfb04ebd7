"""Facts that services tell each other over the bus. Past tense, no content: ids and states only, never transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

DEEDS_TOLD = frozenset(
    {
        "agent_changed",
        "agent_deleted",
        "collection_deleted",
        "conversation_deleted",
        "document_deleted",
        "erasure_completed",
        "erasure_requested",
        "key_revoked",
        "key_rotated",
        "provider_changed",
        "provider_removed",
        "retention_changed",
        "role_deleted",
        "role_put",
        "session_ended",
        "user_changed",
    }
)
"""Deeds of the audit log on which others depend: each is also an event of the same name, in the same transaction, whoever did it and where."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a tenant. `subject_id` names what it happened to; `data` holds small plain values."""

    event_id: str
    tenant_id: str
    kind: str  # document_ready, document_failed, document_erased, DEEDS_TOLD; lost with the bus: conversation_opened, turn_committed
    subject_id: str
    at: datetime
    data: dict[str, str | int | float | bool | None] = field(default_factory=dict)
