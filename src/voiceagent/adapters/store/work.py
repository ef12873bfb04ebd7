"""Jobs as rows, and the queue from which workers of every tenant claim."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, tuple_, update

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.scope import Scope, insert_new, mine, param, restored
from voiceagent.adapters.store.tables import jobs
from voiceagent.domain.job import Job
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Conflict, NotFound
from voiceagent.ports.work import MOST_LOSSES, SUSPECT_LOSSES

_SOON, _LATER = timedelta(seconds=15), timedelta(minutes=1)
"""Pauses of a suspect before it may meet its next worker."""

_OPEN = jobs.c.state.in_(("queued", "running"))
_GET = select(jobs).where(mine(jobs, "job_id"))
_BY_KEY = select(jobs).where(mine(jobs, "idempotency_key"))
_DEPTH = select(func.count()).select_from(jobs).where(mine(jobs), _OPEN)
_END_CLAIM = update(jobs).where(
    mine(jobs),
    jobs.c.job_id == param("claimed_id"),
    jobs.c.attempt == param("claim"),
    jobs.c.state == "running",
)

_NOW = param("now", jobs.c.due_at)
_TRIES = jobs.c.attempt - jobs.c.given_back - jobs.c.lost
_DUE = (jobs.c.kind.in_(param("kinds", expanding=True)), jobs.c.due_at <= _NOW)
_EXPIRED = (
    select(jobs.c.tenant_id, jobs.c.job_id)
    .where(*_DUE, jobs.c.state == "running")
    .with_for_update(skip_locked=True)
    .cte("expired")
    .prefix_with("MATERIALIZED")
)
_LOSE = (
    update(jobs)
    .where(tuple_(jobs.c.tenant_id, jobs.c.job_id).in_(select(_EXPIRED.c.tenant_id, _EXPIRED.c.job_id)))
    .values(
        state=case((jobs.c.lost + 1 >= MOST_LOSSES, "failed"), else_="queued"),
        error_code="lease_expired",
        lost=jobs.c.lost + 1,
        due_at=case(
            (jobs.c.lost + 1 < SUSPECT_LOSSES, _NOW),
            (jobs.c.lost + 1 < 2 * SUSPECT_LOSSES, param("soon", jobs.c.due_at)),
            else_=param("later", jobs.c.due_at),
        ),
        updated_at=_NOW,
    )
)
_NEXT = (
    select(jobs.c.tenant_id, jobs.c.job_id)
    .where(
        *_DUE,
        jobs.c.state == "queued",
        jobs.c.max_attempts > _TRIES,
        jobs.c.lost < param("losses", jobs.c.lost),
        jobs.c.tenant_id.not_in(param("but_of", expanding=True)),
    )
    .order_by(jobs.c.due_at, jobs.c.job_id)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("next_job")
    .prefix_with("MATERIALIZED")
)
"""Looked for once a claim. As a plain subquery PostgreSQL may look again for each row that it updates, and claim a job that nobody is told of."""
_CLAIM = (
    update(jobs)
    .where(tuple_(jobs.c.tenant_id, jobs.c.job_id).in_(select(_NEXT.c.tenant_id, _NEXT.c.job_id)))
    .values(
        state="running",
        attempt=jobs.c.attempt + 1,
        worker=param("claimant"),
        due_at=param("until", jobs.c.due_at),
        heartbeat_at=_NOW,
        updated_at=_NOW,
    )
    .returning(jobs)
)
_PROLONG = _END_CLAIM.values(due_at=param("until", jobs.c.due_at), heartbeat_at=_NOW)
_DEPTHS = select(jobs.c.kind, func.count().label("count")).where(_OPEN).group_by(jobs.c.kind)


class SqlJobs:
    """Jobs of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def enqueue(self, job: Job) -> Job:
        if await self._scope.put(insert_new(self._scope.dialect, jobs), self._row(job)):
            return await self.get(job.job_id)
        first = None
        if job.idempotency_key is not None:
            first = await self._scope.row(_BY_KEY, idempotency_key=job.idempotency_key)
        if first is None:
            raise Conflict("job_exists", "a job with this id exists", param="job_id")
        return _job(first)

    async def get(self, job_id: str) -> Job:
        row = await self._scope.row(_GET, job_id=job_id)
        if row is None:
            raise NotFound("job_not_found", "there is no such job", param="job_id")
        return _job(row)

    async def complete(self, job: Job) -> None:
        await self._end(job, {"state": "done", "error_code": None})

    async def fail(self, job: Job, *, error_code: str, retry_at: datetime | None) -> None:
        if retry_at is None or job.tries >= job.max_attempts:
            await self._end(job, {"state": "failed", "error_code": error_code})
        else:
            await self._end(job, {"state": "queued", "error_code": error_code, "due_at": retry_at})

    async def give_back(self, job: Job, *, due_at: datetime | None = None) -> None:
        due_at = due_at or self._scope.clock.now()
        await self._end(job, {"state": "queued", "given_back": jobs.c.given_back + 1, "due_at": due_at})

    async def depth(self) -> int:
        return int((await self._scope.run(_DEPTH)).scalar_one())

    async def _end(self, job: Job, values: dict[str, object]) -> None:
        statement = _END_CLAIM.values(**values, updated_at=self._scope.clock.now())
        if not await self._scope.changed(statement, claimed_id=job.job_id, claim=job.attempt):
            raise Conflict("lease_lost", "another worker has taken over this job", param="job_id")

    def _row(self, job: Job) -> dict[str, object]:
        row = dataclasses.asdict(job) | {
            "due_at": job.due_at or job.created_at,
            "updated_at": job.created_at,
        }
        del row["lease_until"]
        return row


class SqlQueue:
    """The jobs of every tenant: row security lets a transaction marked as a worker's see this one table."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(
        self,
        kinds: tuple[str, ...],
        *,
        worker: str,
        lease_s: float,
        but_of: tuple[str, ...] = (),
        suspects: bool = True,
    ) -> Job | None:
        now = self._clock.now()
        losses = MOST_LOSSES if suspects else SUSPECT_LOSSES
        async with self._database.transaction({"worker": "on"}) as connection:
            scope = Scope(connection, "", self._clock)
            await scope.run(_LOSE, kinds=kinds, now=now, soon=now + _SOON, later=now + _LATER)
            until = now + timedelta(seconds=lease_s)
            row = await scope.row(
                _CLAIM, kinds=kinds, but_of=but_of, now=now, until=until, claimant=worker, losses=losses
            )
        return None if row is None else _job(row)

    async def heartbeat(self, job: Job, *, lease_s: float) -> bool:
        now = self._clock.now()
        until = now + timedelta(seconds=lease_s)
        async with self._database.transaction({"worker": "on"}) as connection:
            scope = Scope(connection, job.tenant_id, self._clock)
            return await scope.changed(_PROLONG, claimed_id=job.job_id, claim=job.attempt, now=now, until=until)

    async def depth(self) -> dict[str, int]:
        async with self._database.transaction({"worker": "on"}, "read") as connection:
            rows = await Scope(connection, "", self._clock).rows(_DEPTHS)
        return {row["kind"]: row["count"] for row in rows}


def _job(row: dict[str, Any]) -> Job:
    return restored(Job, row, lease_until=row["due_at"] if row["state"] == "running" else None)
