"""A SQLite connection in a thread of its own that is asked once a statement: aiosqlite asks four times (open, execute, fetch, close).

Each question is a change of threads both ways, which costs more than the statement: a turn's record takes 4 of them instead of 10.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

import aiosqlite

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # in WAL mode NORMAL may lose the last commits in a power cut
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "secure_delete=ON",  # what is removed is overwritten, not only unlinked
)


class OneTripConnection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors run a statement and fetch its rows in one trip to the thread."""

    def cursor(self) -> OneTripCursor:  # type: ignore[override] # SQLAlchemy uses the part of a cursor that is here
        return OneTripCursor(self)


class OneTripCursor:
    """The rows of one statement, already fetched."""

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> OneTripCursor:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> OneTripCursor:
        await self._connection._execute(self._run, statement, parameters)  # type: ignore[no-untyped-call]
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> OneTripCursor:
        await self._connection._execute(self._run_many, statement, parameters)  # type: ignore[no-untyped-call]
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open: the statement ended in its trip."""

    def _run(self, statement: str, parameters: Sequence[Any]) -> None:
        self._keep(self._connection._conn.execute(statement, parameters))

    def _run_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        self._keep(self._connection._conn.executemany(statement, parameters))

    def _keep(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid
        cursor.close()


def connect(database: str, **options: Any) -> OneTripConnection:
    """A connection that opens when it is awaited. options: those of sqlite3.connect."""
    connection = OneTripConnection(partial(_opened, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # a process that ends without close() must not hang on this thread
    return connection


def _opened(database: str, **options: Any) -> sqlite3.Connection:
    """With everything that holds for each connection already said: one trip instead of six, often while others wait to write."""
    connection: sqlite3.Connection = sqlite3.connect(database, **options)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection
