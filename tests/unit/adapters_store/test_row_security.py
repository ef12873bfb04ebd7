"""adapters/store/postgresql.py: forced row security, the role that owns nothing, durable settings, servers that go away."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from tests.support.servers import fresh_database, postgresql_server, psql

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.postgresql import Postgresql
from voiceagent.adapters.store.schema import migrate
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.adapters.store.tables import TENANT_TABLES
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import ApiKey
from voiceagent.domain.job import Job
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.ids import new_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _login(server_url: str, attributes: str) -> str:
    """The URL of a new database that a new role with `attributes` owns."""
    role = new_id("role")
    psql(server_url, f"CREATE ROLE {role} LOGIN {attributes}")
    url = fresh_database(server_url, new_id("rows"))
    psql(server_url, f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {role}")
    psql(url, "GRANT ALL ON SCHEMA public TO PUBLIC")
    return url.replace("postgres@", f"{role}@")


ROLES = ["SUPERUSER", "CREATEROLE", "NOCREATEROLE", "BYPASSRLS CREATEROLE"]


@pytest.fixture(scope="session", params=ROLES)
def secured_url(request: pytest.FixtureRequest, postgresql_url: str) -> str:
    """A database filled for two tenants; its URL names a superuser, one that may create roles, one that may not, one that skips row security."""
    url = _login(postgresql_url, request.param)

    async def fill() -> None:
        store = open_store(url)
        await store.migrate()
        for tenant in ("ten_a", "ten_b"):
            await _fill(store, tenant)
        await store.close()

    asyncio.run(fill())
    return url


@pytest.fixture
async def store(secured_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(secured_url)
    yield opened
    await opened.close()


async def _fill(store: SqlStore, tenant: str) -> None:
    async with store.begin(tenant) as unit:
        await unit.jobs.enqueue(Job(new_id("job"), tenant, "parse", "doc", NOW))
        await unit.audit.append(AuditEntry(new_id("aud"), NOW, "u", "a", "o"))
        await unit.settings.put("s", {})
        await unit.keys.add(ApiKey(new_id("key"), tenant, "u", "n", "p", f"sha-{tenant}", frozenset(), NOW))


async def _count(database: Database, table: str, **marks: str) -> int:
    async with database.transaction(marks) as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_every_tenant_table_forces_row_security(store: SqlStore) -> None:
    async with store._database.transaction({}, "migrate") as connection:
        query = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'"
        assert set((await connection.execute(text(query))).scalars()) == set(TENANT_TABLES)


async def test_a_query_without_a_tenant_sees_no_row(store: SqlStore) -> None:
    for table in TENANT_TABLES:
        assert await _count(store._database, table) == 0, table


async def test_a_query_that_forgets_its_tenant_sees_only_its_own_rows(store: SqlStore) -> None:
    for table in ("jobs", "audit", "settings", "api_keys"):
        assert await _count(store._database, table, tenant="ten_a") == 1, table


async def test_a_row_of_another_tenant_cannot_be_written(store: SqlStore) -> None:
    insert = "INSERT INTO settings VALUES ('ten_b', 'x', '{}', now())"
    with pytest.raises(Exception, match="row-level security"):
        async with store._database.transaction({"tenant": "ten_a"}) as connection:
            await connection.execute(text(insert))
    with pytest.raises(RuntimeError, match="undo"):
        async with store._database.transaction({"tenant": "ten_a"}) as connection:
            assert (await connection.execute(text("DELETE FROM settings"))).rowcount == 1
            assert (await connection.execute(text("UPDATE jobs SET kind = 'mine'"))).rowcount == 1
            raise RuntimeError("undo")
    assert await _count(store._database, "settings", tenant="ten_b") == 1


async def test_the_directory_sees_one_key_and_a_worker_sees_jobs_only(store: SqlStore) -> None:
    for table in TENANT_TABLES:
        assert await _count(store._database, table, directory="sha-ten_a") == int(table == "api_keys"), table
        assert await _count(store._database, table, worker="on") == (2 if table == "jobs" else 0), table


async def test_the_tenant_does_not_outlive_its_transaction(store: SqlStore) -> None:
    for _ in range(12):  # more than the pool holds
        assert await _count(store._database, "jobs", tenant="ten_a") == 1
        assert await _count(store._database, "jobs") == 0


async def test_audit_rows_can_neither_be_changed_nor_removed(store: SqlStore) -> None:
    for change in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(Exception, match=r"append-only|permission denied|must be owner"):
            async with store._database.transaction({"tenant": "ten_a"}) as connection:
                await connection.execute(text(change))
    assert await _count(store._database, "audit", tenant="ten_a") == 1


async def test_the_application_works_as_a_role_that_owns_nothing(postgresql_url: str) -> None:
    for attributes, works_as in (("SUPERUSER", "voiceagent_app"), ("CREATEROLE", "voiceagent_app")):
        database = Database(Postgresql(_login(postgresql_url, attributes)))
        await migrate(database)
        async with database.transaction({"tenant": "ten_a"}) as connection:
            query = "SELECT current_user, (SELECT count(*) FROM pg_tables WHERE tableowner = current_user)"
            assert tuple((await connection.execute(text(query))).one()) == (works_as, 0)
        await database.dialect.close()


async def test_a_role_that_skips_row_security_does_not_work_before_the_tables_are_secured(postgresql_url: str) -> None:
    store = open_store(_login(postgresql_url, "SUPERUSER"))
    with pytest.raises(Misconfigured) as caught:
        async with store.begin("ten_a"):
            pass
    assert caught.value.code == "store_role"
    await store.migrate()
    async with store.begin("ten_a") as unit:
        assert await unit.agents.all() == ()
    await store.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_may_lose_what_it_acknowledged_is_refused(setting: str) -> None:
    with postgresql_server(f"{setting}=off") as url:
        store = open_store(url)
        with pytest.raises(Misconfigured) as caught:
            await store.migrate()
        assert (caught.value.code, setting in caught.value.message) == ("store_not_durable", True)
        await store.close()


async def test_a_dead_server_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        store = open_store(f"postgresql://u@127.0.0.1:{taken.getsockname()[1]}/x")
        with pytest.raises(Unavailable) as caught:
            async with store.begin("ten_a"):
                pass
        assert caught.value.code == "store_unavailable"
        assert await store.ready() is False
        await store.close()


async def test_connections_that_died_while_idle_are_replaced(postgresql_url: str) -> None:
    store = open_store(fresh_database(postgresql_url, new_id("idle")))
    await store.migrate()
    async with store.begin("ten_a"):
        pass
    psql(postgresql_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'idle%'")
    async with store.begin("ten_a") as unit:
        assert await unit.agents.all() == ()
    await store.close()


async def test_a_full_pool_is_unavailable_and_serves_again(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceagent.adapters.store.postgresql.POOL_WAIT_S", 0.2)
    store = open_store(fresh_database(postgresql_url, new_id("pool")))
    await store.migrate()
    units = [store.begin("ten_a") for _ in range(10)]
    for unit in units:
        await unit.__aenter__()
    with pytest.raises(Unavailable):
        async with store.begin("ten_a"):
            pass
    for unit in units:
        await unit.__aexit__(None, None, None)
    async with store.begin("ten_a") as one:
        assert await one.agents.all() == ()
    await store.close()


async def test_a_server_that_stands_still_is_unavailable_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("CONNECT_S", "COMMAND_S"):
        monkeypatch.setattr(f"voiceagent.adapters.store.postgresql.{bound}", 5.0)
    with postgresql_server() as url:
        store = open_store(url)
        await store.migrate()
        async with store.begin("ten_a"):
            pass
        backends = psql(url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'voiceagent'").split()
        for pid in backends:
            os.kill(int(pid), signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable) as caught:
                async with store.begin("ten_a"):
                    pass
            assert caught.value.code == "store_unavailable"
        finally:
            for pid in backends:
                os.kill(int(pid), signal.SIGCONT)
        await store.close()


async def test_a_claim_takes_one_job_alone_however_the_server_plans_it(postgresql_url: str) -> None:
    url = fresh_database(postgresql_url, new_id("jobs"))
    store = open_store(url)
    await store.migrate()
    async with store.begin("ten_a") as work:
        for _ in range(60):
            await work.jobs.enqueue(Job(new_id("job"), "ten_a", "ingest", "doc", NOW, {}))
    psql(url, "UPDATE jobs SET state = 'done' WHERE job_id IN (SELECT job_id FROM jobs LIMIT 50)")
    psql(url, "ANALYZE jobs")  # small, and most of it done: nested loops look cheap now
    try:
        for count in range(1, 11):
            assert await store.queue.claim(("ingest",), worker="w", lease_s=600) is not None
            assert psql(url, "SELECT count(*) FROM jobs WHERE state = 'running'") == str(count)
    finally:
        await store.close()
