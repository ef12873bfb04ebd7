"""Removes what is older than its class may become: conversations, recordings, documents. Legal holds and sudden masses stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.retention import Spent, after, permitted
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id
from voiceagent.rights.holds import STATE, Holds, Retention, holds_of, retention_of
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.recordings import Recording, removed

_log = structlog.get_logger(__name__)

EVERY_S = 3_600.0
CLASSES = ("transcripts", "audio", "documents")
ROWS_AT_A_TIME = 100
SUBJECT = "service:retention"
Remove = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Due:
    """What of a class is due. ids: what may go, without what is held.  total: how much of the class there is."""

    data_class: str
    ids: tuple[str, ...]
    total: int
    remove: Remove


class RetentionWork:
    """Looks at every tenant again and again. Several processes may: what one removed the other does not find."""

    def __init__(self, parts: RightsParts, default: Retention) -> None:
        self._parts = parts
        self._default = default

    async def run(self) -> None:
        """Work until cancelled; the first look comes at once."""
        while True:
            try:
                await self.look()
            except Problem as problem:
                _log.warning("retention_waits", code=problem.code)
            await asyncio.sleep(EVERY_S)

    async def look(self) -> dict[str, int]:
        """Remove what is due in every tenant; how much, by class."""
        counts = dict.fromkeys(CLASSES, 0)
        for tenant in await self._parts.store.directory.tenants():
            for data_class, count in (await self._tenant(tenant.tenant_id)).items():
                counts[data_class] += count
        old = await asyncio.to_thread(self._parts.recordings.unowned_before, self._before_all())
        for folder in old:
            counts["audio"] += await asyncio.to_thread(removed, folder)
        return counts

    def _before_all(self) -> datetime:
        """Recordings from before they said whose they are go by the default."""
        days = self._default.audio_days
        return self._parts.clock.now() - timedelta(days=days if days is not None else 36_500)

    async def _tenant(self, tenant_id: str) -> dict[str, int]:
        now = self._parts.clock.now()
        async with self._parts.store.begin(tenant_id, read_only=True) as work:
            holds = await holds_of(work)
            kept = await retention_of(work, self._default)
        if holds.everything:
            return {}
        found = await self._due(tenant_id, kept, holds, now)
        return {due.data_class: await self._removed(tenant_id, due, now.date()) for due in found if due.ids}

    async def _due(self, tenant_id: str, kept: Retention, holds: Holds, now: datetime) -> list[Due]:
        ages: list[tuple[str, datetime | None]] = [
            ("transcripts", kept.before(kept.transcripts_days, now)),
            ("documents", kept.before(kept.documents_days, now)),
        ]
        found = []
        for data_class, before in ages:
            if before is None:
                continue
            async with self._parts.store.begin(tenant_id, read_only=True) as work:
                of_class = work.ages.conversations if data_class == "transcripts" else work.ages.documents
                rows = await of_class(before=before)
                counts = await work.ages.counts()
            total = counts["conversations" if data_class == "transcripts" else "documents"]
            ids = tuple(row_id for row_id, subject in rows if not self._is_held(tenant_id, subject, holds))
            remove = self._conversation if data_class == "transcripts" else self._document
            found.append(Due(data_class, ids, total, lambda row_id, act=remove: act(tenant_id, row_id)))  # type: ignore[misc]
        before = kept.before(kept.audio_days, now)
        if before is not None:
            found.append(self._recordings(await self._recorded(tenant_id), before, holds))
        return found

    async def _recorded(self, tenant_id: str) -> Sequence[Recording]:
        return await asyncio.to_thread(self._parts.recordings.all, tenant_id)

    def _recordings(self, recorded: Sequence[Recording], before: datetime, holds: Holds) -> Due:
        due = {
            one.recording_id: one
            for one in recorded
            if one.about.started_at < before and not self._is_held(one.about.tenant_id, one.about.subject, holds)
        }

        async def remove(recording_id: str) -> bool:
            return await asyncio.to_thread(removed, due[recording_id].folder)

        return Due("audio", tuple(due), len(recorded), remove)

    def _is_held(self, tenant_id: str, subject: str, holds: Holds) -> bool:
        return bool(holds.names) and self._parts.names.of(tenant_id, subject) in holds.names

    async def _removed(self, tenant_id: str, due: Due, today: date) -> int:
        """Take from the day's share and write the record first, then remove: a process that dies between the two removes too little."""
        async with self._parts.store.begin(tenant_id) as work:
            state: dict[str, Any] = await work.settings.get(STATE) or {}
            spent = _spent(state.get(due.data_class), today)
            allowed = permitted(len(due.ids), due.total, spent, today)
            if allowed:
                state[due.data_class] = _told(after(allowed, spent, today))
                await work.audit.append(self._entry(tenant_id, "retention_applied", {due.data_class: allowed}))
            elif state.get(f"{due.data_class}_held_back") != today.isoformat():
                state[f"{due.data_class}_held_back"] = today.isoformat()
                data: dict[str, Any] = {"class": due.data_class, "due": len(due.ids), "total": due.total}
                await work.audit.append(self._entry(tenant_id, "retention_held_back", data))
            await work.settings.put(STATE, state)
        if not allowed:
            _log.warning("retention_held_back", tenant_id=tenant_id, data_class=due.data_class, due=len(due.ids))
            return 0
        count = 0
        for one in due.ids:
            count += await due.remove(one)
        return count

    async def _conversation(self, tenant_id: str, conversation_id: str) -> bool:
        async with self._parts.store.begin(tenant_id) as work:
            return await work.conversations.delete(conversation_id)

    async def _document(self, tenant_id: str, document_id: str) -> bool:
        async with self._parts.store.begin(tenant_id) as work:
            was_there = await work.documents.delete(document_id)
        await self._parts.erase_document(tenant_id, document_id)
        return was_there

    def _entry(self, tenant_id: str, action: str, data: dict[str, Any]) -> AuditEntry:
        return AuditEntry(new_id("aud"), self._parts.clock.now(), SUBJECT, action, tenant_id, data=data)


def approved(state: dict[str, Any] | None, data_class: str, count: int, today: date) -> dict[str, Any]:
    """The tenant's state once somebody has allowed `count` removals of a class beyond its share."""
    known = dict(state or {})
    spent = _spent(known.get(data_class), today)
    known[data_class] = _told(Spent(spent.day, spent.count, count))
    return known


def _spent(told: Any, today: date) -> Spent:
    if not isinstance(told, dict):
        return Spent(today)
    return Spent(date.fromisoformat(str(told["day"])), int(told["count"]), int(told["approved"]))


def _told(spent: Spent) -> dict[str, object]:
    return {"day": spent.day.isoformat(), "count": spent.count, "approved": spent.approved}
