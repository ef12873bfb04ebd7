"""adapters/store/migrations: up and down on both databases, in step with tables.py, safe when several processes try."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from tests.support.servers import fresh_database

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.postgresql import Postgresql
from voiceagent.adapters.store.schema import migrate, migration_context
from voiceagent.adapters.store.sql import open_store
from voiceagent.adapters.store.sqlite import Sqlite
from voiceagent.adapters.store.tables import metadata
from voiceagent.domain.identity import Tenant
from voiceagent.kit.errors import Conflict, Misconfigured, Unavailable
from voiceagent.kit.ids import new_id


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        opened = Database(Sqlite(tmp_path / "voiceagent.db"))
    else:
        opened = Database(Postgresql(fresh_database(request.getfixturevalue("postgresql_url"), new_id("migrations"))))
    yield opened
    await opened.dialect.close()


async def _table_names(database: Database) -> set[str]:
    def names(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    async with database.transaction({}, "migrate") as connection:
        return await connection.run_sync(names) - {"alembic_version"}


async def test_up_down_and_up_again(database: Database) -> None:
    await migrate(database)
    assert await _table_names(database) == set(metadata.tables)
    await migrate(database, "base")
    assert await _table_names(database) == set()
    await migrate(database)
    assert await _table_names(database) == set(metadata.tables)


async def test_the_migrations_lead_to_the_tables_of_this_version(database: Database) -> None:
    await migrate(database)

    def difference(connection: Connection) -> object:
        return compare_metadata(migration_context(connection, compare_type=True), metadata)

    async with database.transaction({}, "migrate") as connection:
        assert await connection.run_sync(difference) == []


async def test_data_of_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    await migrate(database)
    async with database.transaction({}, "migrate") as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured) as caught:
        await migrate(database)
    assert caught.value.code == "store_newer"
    assert await _table_names(database) == set(metadata.tables)


async def test_a_migration_that_fails_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(connection: object) -> None:
        raise Conflict("constraint_broken", "no")

    with monkeypatch.context() as patch:
        patch.setattr(database.dialect, "migrated", failing)
        with pytest.raises(Conflict):
            await migrate(database)
    assert await _table_names(database) == set()
    await migrate(database)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_processes_may_migrate_at_once(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/voiceagent.db"
    if kind == "postgresql":
        url = fresh_database(request.getfixturevalue("postgresql_url"), new_id("several"))
    code = f"""
import asyncio
from voiceagent.adapters.store.sql import open_store
async def main():
    store = open_store({url!r})
    await store.migrate()
    print(await store.ready())
    await store.close()
asyncio.run(main())
"""
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [run.communicate(timeout=400)[0].splitlines()[-1:] for run in runs] == [["True"]] * 4


async def test_sqlite_syncs_every_commit_and_keeps_references(tmp_path: Path) -> None:
    database = Database(Sqlite(tmp_path / "voiceagent.db"))
    await migrate(database)
    for _ in range(3):
        async with database.transaction({}) as connection:
            pragmas = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")
            ]
        assert pragmas == ["wal", 2, 1, 0]
        async with database.transaction({}, "read"):
            pass
        async with database.transaction({}, "migrate"):
            pass
    await database.dialect.close()


async def test_a_writer_in_another_process_is_waited_for_and_then_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/voiceagent.db")
    await store.migrate()
    monkeypatch.setattr("voiceagent.adapters.store.sqlite.WAIT_S", 1.0)
    hasty = open_store(f"sqlite:///{tmp_path}/voiceagent.db")
    other = sqlite3.connect(tmp_path / "voiceagent.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        async with hasty.begin("ten_a"):
            pass
    assert caught.value.code == "store_unavailable"
    await hasty.close()
    waiting = asyncio.ensure_future(store.directory.add_tenant(Tenant("ten_a", "A", datetime.now(UTC))))
    await asyncio.sleep(0)
    other.execute("COMMIT")
    await waiting
    other.close()
    await store.close()
