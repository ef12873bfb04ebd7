"""Brings a database to the tables of this version, or to another one, by the revisions in migrations/."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import structlog
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.faults import translated
from voiceagent.adapters.store.tables import metadata
from voiceagent.kit.errors import Misconfigured, Unavailable

WITHIN_S = 120.0
"""How long a revision is tried again."""
LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL calls it when `lock_timeout` is over."""
_log = structlog.get_logger(__name__)
_FOLDER = Path(__file__).parent / "migrations"


async def migrate(database: Database, target: str = "head") -> None:
    """Run the revisions that lead to `target` (`head`, `base`, or an id), each in a transaction of its own, so that locks are held for one alone.

    One that does not get its locks, because something reads for long, gives up after 2 s, lets others through and tries again for WITHIN_S.
    A process that ends in the middle leaves whole revisions; the next call goes on. Raises Misconfigured `store_newer`,
    Unavailable `store_unavailable`.
    """
    ends_at_s = time.monotonic() + WITHIN_S
    while True:
        try:
            if not await _one_step(database, target):
                return
        except _Held as held:
            if time.monotonic() > ends_at_s:
                raise Unavailable(
                    "store_unavailable", "the tables are in use all the time", retry_after_s=5.0
                ) from held
            _log.info("migration_waits", reason="a table is in use")
            await asyncio.sleep(random.uniform(0.3, 1.0))  # noqa: S311 - spreads load, no secret


class _Held(Exception):
    """A lock was not to be had in time."""


async def _one_step(database: Database, target: str) -> bool:
    """Run the next revision; whether there was one."""
    async with database.transaction({}, "migrate") as connection:
        try:
            went_on = await connection.run_sync(_run, target)
            await database.dialect.migrated(connection)
        except Exception as failure:
            if getattr(getattr(failure, "orig", None), "sqlstate", "") == LOCK_NOT_AVAILABLE:
                raise _Held from failure
            problem = translated(failure)
            if problem is None:
                raise
            raise problem from failure
    return went_on


async def revision_of(connection: AsyncConnection) -> str | None:
    """The revision that the database is at; None before the first."""

    def read(sync: Connection) -> str | None:
        return migration_context(sync).get_current_revision()

    return await connection.run_sync(read)


def newest_revision() -> str:
    """The revision that this version's tables are."""
    return str(_script().get_current_head())


def knows_revision(revision: str) -> bool:
    """Whether this version can bring a database to `revision`."""
    try:
        _script().get_revisions((revision,))
    except CommandError:
        return False
    return True


def migration_context(connection: Connection, **options: object) -> MigrationContext:
    """How revisions see the database: SQLite changes a table by copying it."""
    return MigrationContext.configure(
        connection, opts={"render_as_batch": True, "target_metadata": metadata, **options}
    )


def _run(connection: Connection, target: str) -> bool:
    """The first revision on the way from here to `target`; whether there was one."""
    script, steps = _script(), list[Any]()
    goes_down = target == "base" or (target != "head" and _is_behind(script, migration_context(connection), target))

    def first(revision: Any, _context: Any) -> list[Any]:
        way = script._downgrade_revs(target, revision) if goes_down else script._upgrade_revs(target, revision)
        steps.extend(way[:1])
        return steps

    context = migration_context(connection, fn=first)
    _refuse_newer(script, context)
    with Operations.context(context):
        context.run_migrations()
    return bool(steps)


def _is_behind(script: ScriptDirectory, context: MigrationContext, target: str) -> bool:
    """Whether `target` comes before the revision that the database is at."""
    current = context.get_current_revision()
    if current is None or current == target:
        return False
    try:
        return target in {one.revision for one in script.walk_revisions("base", current)}
    except CommandError:
        return False  # a revision that is not known: refused in a moment


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions")])


def _refuse_newer(script: ScriptDirectory, context: MigrationContext) -> None:
    try:
        script.get_revisions(context.get_current_heads())
    except CommandError as failure:
        raise Misconfigured(
            "store_newer", "the data was written by a newer version of the platform: install that version again"
        ) from failure
