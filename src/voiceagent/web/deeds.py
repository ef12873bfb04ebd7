"""The audit row of what a route does, written in the transaction of its effect."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from voiceagent.domain.audit import AuditEntry
from voiceagent.kit.ids import new_id
from voiceagent.web.context import context_of


def deed(conn: HTTPConnection, action: str, object_id: str, **data: str | int | bool | None) -> AuditEntry:
    """What the caller of `conn` did to `object_id`. `data`: small plain values without secrets."""
    context = context_of(conn)
    return AuditEntry(
        entry_id=new_id("aud"),
        at=datetime.now(UTC),
        subject=context.principal.subject if context.principal is not None else "anonymous",
        action=action,
        object_id=object_id,
        request_id=context.request_id,
        data=dict(data),
    )
