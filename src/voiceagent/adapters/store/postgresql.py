"""PostgreSQL: bounded waits, forced row security under a role that owns nothing, and a refusal to run without durable commits."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import exc, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from voiceagent.adapters.store.columns import json_text
from voiceagent.adapters.store.database import Mode
from voiceagent.adapters.store.pool.shares import Shares
from voiceagent.adapters.store.tables import TENANT_TABLES
from voiceagent.kit.errors import Misconfigured, Unavailable

_log = structlog.get_logger(__name__)

APP_ROLE = "voiceagent_app"
CONNECT_S = 2.0
COMMAND_S = 2.0
POOL_SIZE = 10
POOL_WAIT_S = 0.2
IDLE_S = 5.0
"""A transaction in which nothing is asked for so long is ended by the server."""
MIGRATION_S = 60.0
SCRUBBED = (
    "users",
    "sessions",
    "grants",
    "second_factors",
    "identity_links",
    "api_keys",
    "conversations",
    "turns",
    "documents",
    "jobs",
)

_MIGRATION_LOCK = 0x766F_6963_6561  # "voicea": any number that others do not use

_MARKS = ("tenant", "directory", "worker")
_START = text("SELECT " + ", ".join(f"set_config('app.{mark}', :{mark}, true)" for mark in _MARKS))
_START_AS_APP = text(f"{_START.text}, set_config('role', '{APP_ROLE}', true)")

_SETTINGS = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
)
_ROLE = text(
    "SELECT rolsuper OR rolbypassrls AS bypasses,"
    " EXISTS (SELECT 1 FROM pg_roles app WHERE app.rolname = :app AND pg_has_role(current_user, app.oid, 'MEMBER')"
    " AND to_regclass('tenants') IS NOT NULL AND has_table_privilege(app.oid, to_regclass('tenants'), 'SELECT')) AS has_app"
    " FROM pg_roles WHERE rolname = current_user"
)
_MAY_CREATE_ROLE = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
_APP_MEMBER = text("SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = :app")
_THERE = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL")

_TLS_WORDS = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class Postgresql:
    """A PostgreSQL database. Its URL's role owns the tables; transactions run as `voiceagent_app`, which the first migration creates."""

    def __init__(self, url: str, pool_size: int = POOL_SIZE) -> None:
        location, tls = _secured(_location(url))
        self._engine = create_async_engine(
            location,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            json_serializer=json_text,
            connect_args=_connect_arguments(COMMAND_S, lock_s=COMMAND_S) | tls,
        )
        self._migration_engine = create_async_engine(
            location,
            poolclass=NullPool,
            json_serializer=json_text,
            connect_args=_connect_arguments(MIGRATION_S, lock_s=MIGRATION_S / 2) | tls,
        )
        self._shares = Shares(pool_size, POOL_WAIT_S)
        self._start = _START
        self._is_safe = False

    @property
    def name(self) -> str:
        return "postgresql"

    def engine(self, mode: Mode) -> AsyncEngine:
        return self._migration_engine if mode in ("migrate", "copy") else self._engine

    @asynccontextmanager
    async def admission(self, mode: Mode, tenant_id: str) -> AsyncIterator[None]:
        if not tenant_id or mode in ("migrate", "copy"):
            yield  # the pool is the only queue
            return
        async with self._shares.taken(tenant_id):
            yield

    async def prepare(self) -> None:
        async with self._engine.connect() as connection:
            settings = {row.name: row.setting for row in await connection.execute(_SETTINGS)}
        off = sorted(name for name, setting in settings.items() if setting == "off")
        if off:
            raise Misconfigured(
                "store_not_durable", f"PostgreSQL may lose what it acknowledged: turn on {', '.join(off)}"
            )

    async def started(self, connection: AsyncConnection, mode: Mode, marks: Mapping[str, str]) -> None:
        if mode == "migrate":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await connection.execute(
                text("SET LOCAL lock_timeout = '2s'")
            )  # a stuck reader must not stop the whole site
            return
        if mode == "copy":
            return  # as the owner, which reads one tenant after the other and names each
        if not self._is_safe:
            await self._choose_role(connection)
        await connection.execute(self._start, {mark: marks.get(mark, "") for mark in _MARKS})

    async def migrated(self, connection: AsyncConnection) -> None:
        """Give the application's role what it needs and no more: audit rows can be added and read, nothing else."""
        self._is_safe = False
        if not await self._app_role(connection):
            return
        there = set((await connection.execute(_THERE, {"names": [*TENANT_TABLES, "tenants"]})).scalars())
        for rights, tables in (
            ("SELECT, INSERT", there & {"audit"}),
            ("SELECT, INSERT, UPDATE, DELETE", there - {"audit"}),
        ):
            if tables:
                await connection.execute(text(f"GRANT {rights} ON {', '.join(sorted(tables))} TO {APP_ROLE}"))

    async def scrub(self) -> None:
        """Give dead rows back, table by table; a role that may has the log of changes turned over. It waits for no lock that others hold."""
        try:
            async with self._migration_engine.connect() as connection:
                plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
                for table in SCRUBBED:
                    await plain.execute(text(f"VACUUM (SKIP_LOCKED) {table}"))
                for statement in ("CHECKPOINT", "SELECT pg_switch_wal()"):
                    try:
                        await plain.execute(text(statement))
                    except exc.DBAPIError as failure:  # for an administrator's role alone
                        _log.info("not_scrubbed", error=type(failure.orig).__name__)
        except (exc.DBAPIError, OSError, TimeoutError) as failure:
            raise Unavailable("store_unavailable", "the database does not answer", retry_after_s=5.0) from failure

    async def close(self) -> None:
        await self._engine.dispose()
        await self._migration_engine.dispose()

    async def _choose_role(self, connection: AsyncConnection) -> None:
        role = (await connection.execute(_ROLE, {"app": APP_ROLE})).one()
        if role.bypasses and not role.has_app:
            raise Misconfigured(
                "store_role",
                f"the database's role ignores row security and may not become {APP_ROLE}: run `voiceagent migrate`, or use another role",
            )
        self._start = _START_AS_APP if role.has_app else _START
        self._is_safe = True

    async def _app_role(self, connection: AsyncConnection) -> bool:
        """Whether the application's role exists; creates and joins it where this role may. Otherwise the owner works under forced row security."""
        is_member = (
            await connection.execute(_APP_MEMBER, {"app": APP_ROLE})
        ).scalar()  # roles belong to the whole server
        if not is_member and (await connection.execute(_MAY_CREATE_ROLE)).scalar():
            if is_member is None:
                await _tried(connection, f"CREATE ROLE {APP_ROLE} NOLOGIN")
            await _tried(connection, f"GRANT {APP_ROLE} TO CURRENT_USER")
        return (await connection.execute(_APP_MEMBER, {"app": APP_ROLE})).first() is not None


async def _tried(connection: AsyncConnection, statement: str) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(text(statement))
    except exc.DBAPIError as failure:
        _log.info("role_not_changed", error=type(failure.orig).__name__)


def _location(url: str) -> URL:
    try:
        location = make_url(url).set(drivername="postgresql+asyncpg")
    except (exc.ArgumentError, ValueError) as failure:
        raise Misconfigured("store_url", "the store's URL cannot be read") from failure
    return location


def _secured(location: URL) -> tuple[URL, dict[str, Any]]:
    """The location without libpq's words about TLS, and what the driver takes for them.

    `verify-full` and `verify-ca` mean what they mean to libpq, by `sslrootcert` or else the system's authorities; `sslcert` and `sslkey` are shown.
    """
    asked = {name: str(location.query[name]) for name in _TLS_WORDS if name in location.query}
    location = location.difference_update_query(list(_TLS_WORDS))
    mode = asked.get("sslmode", "")
    if mode not in ("verify-full", "verify-ca"):
        return location, {"ssl": mode} if mode else {}
    try:
        context = ssl.create_default_context(cafile=asked.get("sslrootcert"))
        context.check_hostname = mode == "verify-full"
        if "sslcert" in asked:
            context.load_cert_chain(asked["sslcert"], asked.get("sslkey"))
    except (OSError, ValueError) as failure:
        raise Misconfigured("store_url", "the store's certificates cannot be read", param="store.url") from failure
    return location, {"ssl": context}


def _connect_arguments(command_s: float, *, lock_s: float) -> dict[str, Any]:
    return {
        "timeout": CONNECT_S,
        "command_timeout": command_s,
        "server_settings": {
            "application_name": "voiceagent",
            "statement_timeout": f"{command_s:.0f}s",
            "lock_timeout": f"{lock_s:.0f}s",
            "idle_in_transaction_session_timeout": f"{max(command_s, IDLE_S):.0f}s",
        },
    }
