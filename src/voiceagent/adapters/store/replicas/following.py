"""Chooses a replica that is near enough to the primary, or none. What it answers stands in sql.py."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceagent.adapters.store.database import Database
from voiceagent.kit.calls.travel import caller
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.kit.telemetry import counter, gauge
from voiceagent.ports.store import RecentWrites

LOOK_S = 0.25
"""Replicas are looked at so often while they are read from."""
PAUSE_S = 5.0
"""A replica that failed is left alone for so long."""
_COMMIT_S = 4.0
"""A change is noted before it is committed, which takes no longer than this."""
_PRIMARY_AT = text("SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')")
_REPLICA_AT = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') ELSE -1 END"
)
_log = structlog.get_logger(__name__)
_reads = counter("voiceagent_store_lagging_reads_total", "Reads that may lag, by where they were answered.", ("place",))
_lag = gauge("voiceagent_store_replica_lag_seconds", "How far a replica is behind the primary at most.", ("replica",))


@dataclass(slots=True)
class _Replica:
    """number: its place in the settings.  fresh_s: it has everything that the primary had then, by our monotonic clock."""

    number: int
    database: Database
    fresh_s: float = float("-inf")
    paused_until_s: float = float("-inf")


@dataclass(slots=True)
class _Course:
    """Where the primary's log stood when: so a replica's position tells its age without comparing clocks."""

    places: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=256))

    def age_of(self, place: float) -> float:
        """The latest moment whose changes are all before `place`."""
        return max((at_s for at_s, stood in self.places if stood <= place), default=float("-inf"))


class Replicas:
    """lag_s: a replica that may be further behind is not read from. recent: who must see their own changes."""

    def __init__(
        self, primary: Database, replicas: Sequence[Database], recent: RecentWrites, clock: Clock, *, lag_s: float
    ) -> None:
        self._primary = primary
        self._replicas = [_Replica(number, database) for number, database in enumerate(replicas)]
        self._recent = recent
        self._clock = clock
        self._lag_s = lag_s
        self._turn = itertools.count()
        self._course = _Course()
        self._looked_s = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def wrote(self, tenant_id: str) -> None:
        """A change of the caller is about to be committed: for a while they read from the primary."""
        if caller():
            await self._recent.note(_key(tenant_id), for_s=self._lag_s + _COMMIT_S)

    @asynccontextmanager
    async def reading(self, tenant_id: str) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads: on a replica that is near enough, else on the primary."""
        marks = {"tenant": tenant_id}
        replica = await self._chosen(tenant_id)
        if replica is not None:
            entered = False
            try:
                async with replica.database.transaction(marks, "read") as connection:
                    entered = True
                    _reads.labels("replica").inc()
                    yield connection
                    return
            except Problem as problem:
                if not entered or problem.code == "store_unavailable":
                    self._pause(replica, problem)
                if entered:
                    raise  # what was read so far is gone; the next read is answered elsewhere
        _reads.labels("primary").inc()
        async with self._primary.transaction(marks, "read") as connection:
            yield connection

    async def close(self) -> None:
        """Idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for one in self._replicas:
            await one.database.dialect.close()

    async def _chosen(self, tenant_id: str) -> _Replica | None:
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= LOOK_S and (self._looking is None or self._looking.done()):
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._look())
        near = [one for one in self._replicas if now_s - one.fresh_s <= self._lag_s and now_s >= one.paused_until_s]
        if not near or (caller() and await self._recent.has(_key(tenant_id))):
            return None
        return near[next(self._turn) % len(near)]

    async def _look(self) -> None:
        """Ask the primary where it is, then each replica how far it has come."""
        now_s = self._clock.monotonic_s()
        try:
            self._course.places.append((now_s, await _place(self._primary, _PRIMARY_AT)))
        except Problem:
            return  # replicas are as fresh as they were known to be, until that is too old
        await asyncio.gather(*(self._look_at(one) for one in self._replicas if now_s >= one.paused_until_s))

    async def _look_at(self, replica: _Replica) -> None:
        try:
            place = await _place(replica.database, _REPLICA_AT)
        except Problem as problem:
            self._pause(replica, problem)
            return
        replica.fresh_s = max(replica.fresh_s, self._course.age_of(place)) if place >= 0 else float("-inf")
        _lag.labels(str(replica.number)).set(min(3600.0, self._clock.monotonic_s() - replica.fresh_s))

    def _pause(self, replica: _Replica, problem: Problem) -> None:
        replica.paused_until_s = self._clock.monotonic_s() + PAUSE_S
        replica.fresh_s = float("-inf")
        _log.warning("replica_left_alone", replica=replica.number, code=problem.code, for_s=PAUSE_S)


async def _place(database: Database, statement: object) -> float:
    async with database.transaction({}, "read") as connection:
        return float(cast(float, (await connection.execute(statement)).scalar_one()))  # type: ignore[call-overload]


def _key(tenant_id: str) -> str:
    return f"wrote:{tenant_id}:{caller()}"
