"""Events as rows, and the relay that reads those of every tenant."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, select, tuple_, update

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.scope import Scope, insert_new, param
from voiceagent.adapters.store.tables import outbox
from voiceagent.domain.events import Event
from voiceagent.kit.clock import Clock

_WAITING = outbox.c.published_at.is_(None)
_DUE = select(outbox).where(_WAITING).order_by(outbox.c.created_at, outbox.c.event_id).limit(param("count"))
_DEPTH = select(func.count()).select_from(outbox).where(_WAITING)
_PUBLISHED = (
    update(outbox)
    .where(outbox.c.tenant_id == bindparam("p_of_tenant"), outbox.c.event_id == bindparam("p_event_id"), _WAITING)
    .values(published_at=param("at", outbox.c.published_at))
)
_OLD = (
    select(outbox.c.tenant_id, outbox.c.event_id)
    .where(and_(outbox.c.published_at.is_not(None), outbox.c.published_at < param("before", outbox.c.published_at)))
    .limit(param("count"))
)
_FORGET = delete(outbox).where(tuple_(outbox.c.tenant_id, outbox.c.event_id).in_(_OLD))
_WORKER = {"worker": "on"}


class SqlOutbox:
    """Events of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, event: Event) -> None:
        row = dataclasses.asdict(event)
        row["created_at"] = row.pop("at")
        await self._scope.put(insert_new(self._scope.dialect, outbox), row)


class SqlRelay:
    """The events of every tenant: row security lets a transaction marked as a worker's see them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, limit: int) -> tuple[Event, ...]:
        async with self._database.transaction(_WORKER, "read") as connection:
            rows = await Scope(connection, "", self._clock).rows(_DUE, count=limit)
        return tuple(_event(row) for row in rows)

    async def published(self, events: tuple[Event, ...], at: datetime) -> None:
        marks = [{"of_tenant": event.tenant_id, "event_id": event.event_id, "at": at} for event in events]
        if marks:
            async with self._database.transaction(_WORKER) as connection:
                await Scope(connection, "", self._clock).run_many(_PUBLISHED, marks)

    async def forget(self, before: datetime, limit: int) -> int:
        async with self._database.transaction(_WORKER) as connection:
            return (await Scope(connection, "", self._clock).run(_FORGET, before=before, count=limit)).rowcount

    async def depth(self) -> int:
        async with self._database.transaction(_WORKER, "read") as connection:
            return int((await Scope(connection, "", self._clock).run(_DEPTH)).scalar_one())


def _event(row: dict[str, Any]) -> Event:
    return Event(row["event_id"], row["tenant_id"], row["kind"], row["subject_id"], row["created_at"], row["data"])
