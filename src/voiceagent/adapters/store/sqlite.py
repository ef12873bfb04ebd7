"""SQLite: one file, write-ahead log, every commit synced, one writer at a time in the order of arrival."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from voiceagent.adapters.store.columns import json_text
from voiceagent.adapters.store.database import READING, Mode
from voiceagent.adapters.store.sqlite_thread import connect
from voiceagent.kit.errors import Conflict, Misconfigured, Unavailable

WAIT_S = 10.0
"""Writers come one after another, each with a disk's sync: on a busy machine a queue is no failure. Who has less time says so himself."""
READERS = 6

_in_memory = itertools.count()


class Sqlite:
    """A SQLite database in a file, or in memory when `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writer = asyncio.Lock()
        self._keeper: AsyncConnection | None = None
        name = str(path) if path else f"file:/voiceagent-{os.getpid()}-{next(_in_memory)}"
        query = {} if path else {"vfs": "memdb", "uri": "true"}
        url = URL.create("sqlite+aiosqlite", database=name, query=query)
        self._readers, self._writers = _pool(url, READERS), _pool(url, 1)

    @property
    def name(self) -> str:
        return "sqlite"

    def engine(self, mode: Mode) -> AsyncEngine:
        return self._readers if mode in READING else self._writers  # who may write does not wait for readers to end

    @asynccontextmanager
    async def admission(self, mode: Mode, tenant_id: str) -> AsyncIterator[None]:
        if mode in READING and self._path:
            yield  # the write-ahead log lets readers see the last state while a writer works
            return
        try:
            async with asyncio.timeout(WAIT_S):
                await self._writer.acquire()
        except TimeoutError as failure:
            raise Unavailable("store_unavailable", "the database is busy", retry_after_s=1.0) from failure
        try:
            yield
        finally:
            self._writer.release()

    async def started(self, connection: AsyncConnection, mode: Mode, marks: Mapping[str, str]) -> None:
        """Nothing to tell: SQLite has no row security; every statement names its tenant."""

    async def prepare(self) -> None:
        if self._path is None:
            self._keeper = await self._writers.connect()  # the memory lives as long as one connection to it
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        except OSError as failure:
            raise Misconfigured("store_path", "the folder of the database cannot be written") from failure
        await asyncio.to_thread(_check, self._path)

    async def migrated(self, connection: AsyncConnection) -> None:
        """A migration that copies tables runs without foreign keys; none may be left broken."""
        broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise Conflict("constraint_broken", "the migration would leave references to rows that do not exist")

    async def scrub(self) -> None:
        """Removed rows are overwritten as they go; older states of their pages stand in the write-ahead log until it is emptied."""
        if self._path is not None:
            async with self.admission("write", ""):
                await asyncio.to_thread(_emptied_log, self._path)

    async def close(self) -> None:
        if self._keeper is not None:
            await self._keeper.close()
            self._keeper = None
        await self._readers.dispose()
        await self._writers.dispose()


def _pool(url: URL, size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=1,
        pool_timeout=WAIT_S,
        pool_reset_on_return=None,  # database.py ends every transaction itself or discards the connection
        json_serializer=json_text,
        connect_args={"isolation_level": None, "timeout": WAIT_S, "async_creator_fn": connect},
    )
    event.listen(engine.sync_engine, "begin", _begun)
    return engine


def _begun(connection: Connection) -> None:
    mode: Mode = connection.get_execution_options().get("store_mode", "write")
    if connection.info.get("mode", "write") != mode:
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if mode in READING else 'OFF'}")
        connection.exec_driver_sql(f"PRAGMA foreign_keys={'OFF' if mode == 'migrate' else 'ON'}")
        connection.info["mode"] = mode
    connection.exec_driver_sql("BEGIN" if mode in READING else "BEGIN IMMEDIATE")


def _check(path: Path) -> None:
    """A file of another kind would be taken for a database that does not answer yet, and be waited for. SQLite itself looks: who closes its
    file in the same process by other means ends its locks."""
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as failure:
        if getattr(failure, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            message = f"{path.name} is no database: bring back what stood there"
            raise Misconfigured("store_no_database", message) from failure  # whatever else it is shows when it is used


def _emptied_log(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as failure:
        raise Unavailable("store_unavailable", "the database is busy", retry_after_s=1.0) from failure
    if busy:
        raise Unavailable("store_unavailable", "the database is being read", retry_after_s=1.0)
