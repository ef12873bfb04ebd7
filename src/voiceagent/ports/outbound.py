"""Whether the platform may reach out (tools of agents, and whatever calls other systems by itself): a restored one may not until it is released."""

from __future__ import annotations

from datetime import datetime

from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.errors import Forbidden
from voiceagent.ports.store import Store

_SETTING = "outbound_held"


async def hold(store: Store, *, because: str, at: datetime) -> None:
    """Nothing goes out any more, over all processes and starts. because: the backup that was restored. Idempotent."""
    async with store.begin(DEFAULT_TENANT_ID) as work:
        await work.settings.put(_SETTING, {"backup_id": because, "at": at.isoformat()})


async def release(store: Store, entry: AuditEntry) -> bool:
    """Things go out again, and `entry` is in the audit log, both or neither; False, and no entry, when nothing was held."""
    async with store.begin(DEFAULT_TENANT_ID) as work:
        was_held = await work.settings.delete(_SETTING)
        if was_held:
            await work.audit.append(entry)
    return was_held


async def held_by(store: Store) -> str:
    """The backup for whose sake nothing goes out; empty when all does."""
    async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
        found = await work.settings.get(_SETTING)
    return "" if found is None else str(found.get("backup_id", "unknown"))


async def refuse_held(store: Store) -> None:
    """Raises Forbidden `outbound_held`."""
    if await held_by(store):
        raise Forbidden(
            "outbound_held", "this installation was restored; `voiceagent backup release` lets it reach out"
        )
