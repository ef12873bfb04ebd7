"""Opens transactions on an engine so that no connection comes back dirty: what cancellation or failure touched is discarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voiceagent.adapters.store.faults import translated
from voiceagent.kit.errors import Unavailable

CLEAN_UP_S = 2.0

Mode = Literal["write", "read", "copy", "migrate"]
"""read sees one state and may change nothing; copy reads all tenants for longer than a request; migrate may change the schema."""
READING = ("read", "copy")


class Dialect(Protocol):
    """What differs between the databases."""

    @property
    def name(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    def engine(self, mode: Mode) -> AsyncEngine:
        """Where connections for such transactions come from."""
        ...

    def admission(self, mode: Mode, tenant_id: str) -> AbstractAsyncContextManager[None]:
        """Waits for the right to begin. tenant_id: empty for none. Raises Unavailable `store_unavailable` when that takes too long."""
        ...

    async def prepare(self) -> None:
        """Look once, before the first use, whether the database keeps what it acknowledges. Raises Misconfigured."""
        ...

    async def started(self, connection: AsyncConnection, mode: Mode, marks: Mapping[str, str]) -> None:
        """Tell the database what this transaction is for: `marks` such as the tenant, for its row security."""
        ...

    async def migrated(self, connection: AsyncConnection) -> None:
        """Check and secure the new schema before it is committed."""
        ...

    async def scrub(self) -> None:
        """See ports.store.Store.scrub."""
        ...

    async def close(self) -> None: ...


class Database:
    """Transactions on one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._is_prepared = False

    @asynccontextmanager
    async def transaction(self, marks: Mapping[str, str], mode: Mode = "write") -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        async with self.dialect.admission(mode, marks.get("tenant", "")):
            connection = await self._begun(marks, mode)
            try:
                yield connection
                await _translating(connection.commit)
            except Exception:
                await _to_the_end(lambda: _left(connection))
                raise
            except (
                BaseException
            ):  # cancelled: the driver may be in the middle of an answer, so nobody may get this connection
                await _to_the_end(lambda: _discarded(connection))
                raise
            await _to_the_end(connection.close)

    async def _begun(self, marks: Mapping[str, str], mode: Mode) -> AsyncConnection:
        if not self._is_prepared:
            await _translating(self.dialect.prepare)
            self._is_prepared = True
        try:
            return await self._connected(marks, mode)
        except _StaleConnection:
            pass  # a pooled connection whose server has gone; the pool has dropped its like, so the next one is fresh
        try:
            return await self._connected(marks, mode)
        except _StaleConnection as failure:
            raise Unavailable("store_unavailable", "the database closes connections", retry_after_s=1.0) from failure

    async def _connected(self, marks: Mapping[str, str], mode: Mode) -> AsyncConnection:
        connection = self.dialect.engine(mode).connect()
        try:
            await connection.start()
            await connection.execution_options(store_mode=mode, postgresql_readonly=mode in READING)
            if mode == "copy" and self.dialect.name == "postgresql":
                await connection.execution_options(isolation_level="REPEATABLE READ")
            await connection.begin()
            await self.dialect.started(connection, mode, marks)
        except BaseException as failure:
            # A time-out is no sign of a dead connection but of a server that is slow to everybody: once is enough to wait.
            is_stale = (
                not isinstance(failure, TimeoutError)
                and connection.sync_connection is not None
                and connection.invalidated
            )
            await _to_the_end(lambda: _discarded(connection))
            problem = translated(failure)
            if problem is None:
                raise
            raise (_StaleConnection() if is_stale else problem) from failure
        return connection


class _StaleConnection(Exception):
    """The connection was dead before anything was asked of it."""


async def _translating(action: Callable[[], Awaitable[None]]) -> None:
    try:
        await action()
    except Exception as failure:
        problem = translated(failure)
        if problem is None:
            raise
        raise problem from failure


async def _left(connection: AsyncConnection) -> None:
    try:
        await connection.rollback()
    except Exception:  # noqa: BLE001 - whatever the reason, a connection that cannot roll back must not be used again
        await _discarded(connection)
    else:
        await connection.close()


async def _discarded(connection: AsyncConnection) -> None:
    if connection.sync_connection is None:
        return
    try:
        await connection.invalidate()
    finally:
        await connection.close()


async def _to_the_end(clean_up: Callable[[], Awaitable[None]]) -> None:
    """Run `clean_up` even when the caller is cancelled meanwhile, for at most CLEAN_UP_S; a cancellation is passed on afterwards."""
    task = asyncio.ensure_future(clean_up())
    try:
        await asyncio.wait_for(asyncio.shield(task), CLEAN_UP_S)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=CLEAN_UP_S)
        raise
    except TimeoutError:
        task.cancel()
