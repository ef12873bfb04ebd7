"""Reads every row of a database in one state, and fills an empty database with what was read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from sqlalchemy import Table, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceagent.adapters.store.copies.pages import RowPage, kind_of, plain, stored, table_of
from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.faults import translated
from voiceagent.adapters.store.schema import knows_revision, migrate, newest_revision, revision_of
from voiceagent.adapters.store.sql import dialect_of
from voiceagent.adapters.store.tables import metadata, tenants
from voiceagent.kit.errors import Conflict, Misconfigured

ROWS_AT_A_TIME = 1_000


class SqlCopy:
    """The rows of one database as pages."""

    def __init__(self, url: str) -> None:
        self._database = Database(dialect_of(url))

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect.name

    async def pages(self) -> AsyncIterator[RowPage]:
        """Every row of every tenant, all of one moment, parents before children. Writers are not kept waiting.

        Raises Misconfigured `store_not_migrated` when the tables are not those of this version.
        """
        async with self._database.transaction({}, "copy") as connection:
            if await revision_of(connection) != newest_revision():
                raise Misconfigured(
                    "store_not_migrated", "the database has no tables of this version: run `voiceagent migrate`"
                )
            names = [row.tenant_id for row in await connection.execute(select(tenants).order_by(tenants.c.tenant_id))]
            for tenant_id in names:
                await self._see(connection, tenant_id)
                for table in metadata.sorted_tables:
                    async for page in _table_pages(connection, table, tenant_id):
                        yield page

    async def is_empty(self) -> bool:
        """Whether there is no tenant in it: no tables at all, or none filled."""

        def has_tenants(connection: Connection) -> bool:
            return inspect(connection).has_table("tenants")

        async with self._database.transaction({}, "copy") as connection:
            if not await connection.run_sync(has_tenants):
                return True
            return (await connection.execute(text("SELECT 1 FROM tenants LIMIT 1"))).first() is None

    async def fill(self, revision: str, pages: Iterable[RowPage]) -> None:
        """Make the tables of `revision`, put every row in, bring the tables to this version. The rows come whole or not at all.

        Raises Conflict `restore_not_empty`, Misconfigured `backup_newer`.
        """
        if not knows_revision(revision):
            raise Misconfigured("backup_newer", "a newer version of the platform made this: install that version")
        if not await self.is_empty():
            raise not_empty("the database")
        await migrate(self._database, "base")
        await migrate(self._database, revision)
        async with self._database.transaction({}, "migrate") as connection:
            seen = ""
            for page in pages:
                if page.tenant_id != seen:
                    await self._see(connection, page.tenant_id)
                    seen = page.tenant_id
                await _put(connection, page)
        await migrate(self._database)

    async def close(self) -> None:
        """Idempotent."""
        await self._database.dialect.close()

    async def _see(self, connection: AsyncConnection, tenant_id: str) -> None:
        if self.dialect == "postgresql":
            await connection.execute(text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": tenant_id})


def not_empty(what: str) -> Conflict:
    """The refusal to write over what is there."""
    return Conflict("restore_not_empty", f"{what} is not empty: restore into an empty installation")


async def _table_pages(connection: AsyncConnection, table: Table, tenant_id: str) -> AsyncIterator[RowPage]:
    columns = tuple((column.name, kind_of(column)) for column in table.columns)
    key = list(table.primary_key)[-1]
    statement = select(table).where(table.c.tenant_id == tenant_id).order_by(key).limit(ROWS_AT_A_TIME)
    last: Any = None
    while True:
        found = await connection.execute(statement if last is None else statement.where(key > last))
        rows = [[plain(kind, value) for (_, kind), value in zip(columns, row, strict=True)] for row in found]
        if rows:
            yield RowPage(table.name, tenant_id, columns, rows)
        if len(rows) < ROWS_AT_A_TIME or len(table.primary_key) == 1:
            return
        last = rows[-1][[name for name, _ in columns].index(key.name)]


async def _put(connection: AsyncConnection, page: RowPage) -> None:
    values = [
        {name: stored(kind, value) for (name, kind), value in zip(page.columns, row, strict=True)} for row in page.rows
    ]
    try:
        await connection.execute(table_of(page).insert(), values)
    except Exception as failure:
        problem = translated(failure)
        if problem is None:
            raise
        raise problem from failure


def open_copy(url: str) -> SqlCopy:
    """The rows of the database at `url`, in transactions apart from those of a store. Raises Misconfigured `store_url`."""
    return SqlCopy(url)
