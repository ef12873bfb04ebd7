"""The store on SQL, one adapter for SQLite and PostgreSQL: `sqlite:///path`, `sqlite://` (in memory), `postgresql://`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import text

from voiceagent.adapters.store.access import SqlAccess
from voiceagent.adapters.store.audit import SqlAudit
from voiceagent.adapters.store.conversations import SqlAgents, SqlConversations
from voiceagent.adapters.store.database import Database, Dialect, Mode
from voiceagent.adapters.store.identities import SqlDirectory, SqlKeys, SqlSettings, SqlUsers
from voiceagent.adapters.store.library import SqlCollections, SqlDocuments
from voiceagent.adapters.store.outbox.events import SqlOutbox, SqlRelay
from voiceagent.adapters.store.postgresql import POOL_SIZE, Postgresql
from voiceagent.adapters.store.replicas.following import Replicas
from voiceagent.adapters.store.rights.ages import SqlAges
from voiceagent.adapters.store.rights.erasures import SqlErasures, SqlTraces
from voiceagent.adapters.store.routing.providers import SqlRouting
from voiceagent.adapters.store.schema import migrate
from voiceagent.adapters.store.scope import Scope
from voiceagent.adapters.store.sealing.rewrap import SqlSeals
from voiceagent.adapters.store.sealing.rows import RowSeal
from voiceagent.adapters.store.sqlite import Sqlite
from voiceagent.adapters.store.work import SqlJobs, SqlQueue
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.ports.keys import Keys
from voiceagent.ports.store import RecentWrites

READY_S = 2.0
LAG_S = 2.0


class SqlUnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def conversations(self) -> SqlConversations:
        return SqlConversations(self._scope)

    @cached_property
    def agents(self) -> SqlAgents:
        return SqlAgents(self._scope)

    @cached_property
    def keys(self) -> SqlKeys:
        return SqlKeys(self._scope)

    @cached_property
    def users(self) -> SqlUsers:
        return SqlUsers(self._scope)

    @cached_property
    def access(self) -> SqlAccess:
        return SqlAccess(self._scope)

    @cached_property
    def documents(self) -> SqlDocuments:
        return SqlDocuments(self._scope)

    @cached_property
    def collections(self) -> SqlCollections:
        return SqlCollections(self._scope)

    @cached_property
    def jobs(self) -> SqlJobs:
        return SqlJobs(self._scope)

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self._scope)

    @property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(self._scope)

    @cached_property
    def seals(self) -> SqlSeals:
        return SqlSeals(self._scope)

    @cached_property
    def settings(self) -> SqlSettings:
        return SqlSettings(self._scope)

    @cached_property
    def erasures(self) -> SqlErasures:
        return SqlErasures(self._scope)

    @cached_property
    def traces(self) -> SqlTraces:
        return SqlTraces(self._scope)

    @cached_property
    def ages(self) -> SqlAges:
        return SqlAges(self._scope)

    @cached_property
    def routing(self) -> SqlRouting:
        return SqlRouting(self._scope)


class SqlStore:
    """Transactions on a SQL database."""

    def __init__(self, dialect: Dialect, clock: Clock, keys: Keys | None = None) -> None:
        self._keys = keys
        self._database = Database(dialect)
        self._clock = clock
        self._replicas: Replicas | None = None
        self.directory = SqlDirectory(self._database, clock, keys)
        self.queue = SqlQueue(self._database, clock)
        self.relay = SqlRelay(self._database, clock)

    def follow(self, replicas: Sequence[Dialect], recent: RecentWrites, *, lag_s: float) -> None:
        """Answer reads that may lag from these copies of the database while they are at most `lag_s` behind."""
        databases = [Database(dialect) for dialect in replicas]
        self._replicas = Replicas(self._database, databases, recent, self._clock, lag_s=lag_s)

    @asynccontextmanager
    async def begin(
        self, tenant_id: str, *, read_only: bool = False, may_lag: bool = False
    ) -> AsyncIterator[SqlUnitOfWork]:
        if not tenant_id:
            raise InvalidInput("no_tenant", "a transaction needs a tenant")
        mode: Mode = "read" if read_only or may_lag else "write"
        lagging = self._replicas if may_lag else None
        async with (
            lagging.reading(tenant_id) if lagging else self._database.transaction({"tenant": tenant_id}, mode)
        ) as connection:
            seal = None if self._keys is None else RowSeal(self._keys, tenant_id)
            scope = Scope(connection, tenant_id, self._clock, seal)
            yield SqlUnitOfWork(scope)
            scope.raise_if_failed()
            if mode == "write" and self._replicas is not None:
                await self._replicas.wrote(tenant_id)

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(READY_S), self._database.transaction({}, "read") as connection:
                await connection.execute(text("SELECT tenant_id FROM tenants LIMIT 1"))
        except Exception:  # noqa: BLE001 - readiness is a yes or no; why not is told by the transactions that fail
            return False
        return True

    async def migrate(self) -> None:
        await migrate(self._database)

    async def scrub(self) -> None:
        await self._database.dialect.scrub()

    async def close(self) -> None:
        if self._replicas is not None:
            await self._replicas.close()
        await self._database.dialect.close()


def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    keys: Keys | None = None,
    pool_size: int = POOL_SIZE,
    replicas: Sequence[str] = (),
    replica_lag_s: float = LAG_S,
    recent: RecentWrites | None = None,
) -> SqlStore:
    """The store at `url`; with `keys`, what people say is sealed in it. Connects at the first transaction. Raises Misconfigured `store_url`.

    replicas: copies that follow the database; `recent` tells who may not read from them yet.
    """
    store = SqlStore(dialect_of(url, pool_size), clock or SystemClock(), keys)
    if replicas and recent is not None:
        following = [dialect_of(one, pool_size) for one in replicas]
        if any(one.name != "postgresql" for one in (dialect_of(url), *following)):
            raise Misconfigured(
                "store_url", "store.replicas are those of a PostgreSQL database", param="store.replicas"
            )
        store.follow(following, recent, lag_s=replica_lag_s)
    return store


def dialect_of(url: str, pool_size: int = POOL_SIZE) -> Dialect:
    """The database that `url` names, with so many connections at most. Raises Misconfigured `store_url`."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        if rest in ("", "/:memory:"):
            return Sqlite(None)
        if rest.startswith("/") and len(rest) > 1:
            return Sqlite(Path(rest[1:]))
    if separator and scheme in ("postgresql", "postgres"):
        return Postgresql(url, pool_size)
    raise Misconfigured("store_url", "the store's URL is sqlite:///PATH or postgresql://USER@HOST/DATABASE")
