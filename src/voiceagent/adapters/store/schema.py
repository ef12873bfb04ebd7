"""Brings a database to the tables of this version, or to another one, by the revisions in migrations/."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.faults import translated
from voiceagent.adapters.store.tables import metadata
from voiceagent.kit.errors import Misconfigured

_FOLDER = Path(__file__).parent / "migrations"


async def migrate(database: Database, target: str = "head") -> None:
    """Run the revisions that lead to `target` (`head`, `base`, or an id) in one transaction. Raises Misconfigured `store_newer`."""
    async with database.transaction({}, "migrate") as connection:
        try:
            await connection.run_sync(_run, target)
            await database.dialect.migrated(connection)
        except Exception as failure:
            problem = translated(failure)
            if problem is None:
                raise
            raise problem from failure


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


def _run(connection: Connection, target: str) -> None:
    script = _script()
    if target == "base":
        context = migration_context(connection, fn=lambda revision, _context: script._downgrade_revs(target, revision))
    else:
        context = migration_context(connection, fn=lambda revision, _context: script._upgrade_revs(target, revision))
    _refuse_newer(script, context)
    with Operations.context(context):
        context.run_migrations()


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions")])


def _refuse_newer(script: ScriptDirectory, context: MigrationContext) -> None:
    try:
        script.get_revisions(context.get_current_heads())
    except CommandError as failure:
        raise Misconfigured(
            "store_newer", "the data was written by a newer version of the platform: install that version again"
        ) from failure
