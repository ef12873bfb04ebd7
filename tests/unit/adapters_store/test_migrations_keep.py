"""Migrations with data in every table: down and up again, killed in the middle, beside a long reader, under the release before."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from tests.conftest import ROOT
from tests.support.full_tables import columns_of, content, digest, fill
from tests.support.servers import _postgresql_folders, binary, fresh_database

from voiceagent.adapters.store import schema
from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.schema import migrate
from voiceagent.adapters.store.sql import dialect_of
from voiceagent.kit.ids import new_id

VERSIONS = "src/voiceagent/adapters/store/migrations/versions"
SCRIPT = ScriptDirectory(str(ROOT / VERSIONS).removesuffix("/versions"), version_locations=[str(ROOT / VERSIONS)])
REVISIONS = [one.revision for one in SCRIPT.walk_revisions()][::-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/voiceagent.db"
    return fresh_database(request.getfixturevalue("postgresql_url"), new_id("keep"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(dialect_of(url))
    await migrate(opened)
    async with opened.transaction({}, "migrate") as connection:
        await connection.run_sync(fill)
    yield opened
    await opened.dialect.close()


async def told(
    database: Database, columns: dict[str, set[str]] | None = None
) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    """The columns there are, and what the given ones say."""
    async with database.transaction({}, "migrate") as connection:
        known = await connection.run_sync(columns_of)
        return known, await connection.run_sync(content, columns or known)


async def test_every_migration_down_and_up_again_keeps_what_the_older_tables_can_hold(database: Database) -> None:
    at_head, _ = await told(database)
    for before, revision in reversed(list(itertools.pairwise(REVISIONS))):
        newer, _ = await told(database)
        await migrate(database, before)
        older, kept = await told(database)
        await migrate(database, revision)
        again, back = await told(database, older)
        assert digest(back) == digest(kept), revision
        assert again == newer
        assert all(kept[name] for name in older), f"nothing was in a table at {before}"
        await migrate(database, before)
    await migrate(database)
    assert (await told(database))[0] == at_head


async def test_up_down_and_up_leave_the_tables_of_a_fresh_installation(
    url: str, database: Database, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    await migrate(database, "base")
    for revision in REVISIONS:
        await migrate(database, revision)
    walked = await shape(url, database)
    fresh_url = f"sqlite:///{tmp_path}/fresh.db"
    if url.startswith("postgresql"):
        fresh_url = fresh_database(request.getfixturevalue("postgresql_url"), new_id("fresh"))
    fresh = Database(dialect_of(fresh_url))
    await migrate(fresh)
    assert await shape(fresh_url, fresh) == walked
    await fresh.dialect.close()


async def shape(url: str, database: Database) -> str:
    """Everything that the database says about its tables."""
    if url.startswith("postgresql"):
        dumped = subprocess.run(
            [binary("pg_dump", *_postgresql_folders()), "--schema-only", url],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return re.sub(r"^(--.*|\\(un)?restrict .*)\n", "", dumped, flags=re.MULTILINE)
    async with database.transaction({}, "migrate") as connection:
        rows = await connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"))
        return "\n".join(re.sub(r"\s+", " ", f"{row.type} {row.name} {row.sql}") for row in rows)


KILLED = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.schema import migrate
from voiceagent.adapters.store.sql import dialect_of
url, target, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
changes = 0
def count(connection, cursor, statement, *rest):
    global changes
    changes += statement.lstrip()[:6].upper() in ("CREATE", "ALTER ", "INSERT", "UPDATE", "DROP T")
    if changes == last:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "after_cursor_execute", count)
asyncio.run(migrate(Database(dialect_of(url)), target))
print(changes)
"""


def child(url: str, target: str, last: int) -> subprocess.CompletedProcess[str]:
    """A process that migrates, and kills itself after so many changes of the schema; 0: never."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, url, target, str(last)], capture_output=True, text=True, timeout=400
    )


@pytest.mark.parametrize("revision", REVISIONS[1:])
async def test_killed_in_the_middle_the_next_run_ends_with_the_same(
    url: str, database: Database, revision: str
) -> None:
    at_head, _ = await told(database)
    before = REVISIONS[REVISIONS.index(revision) - 1]
    await migrate(database, before)
    older, kept = await told(database)
    await database.dialect.close()
    killed = child(url, revision, 2)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr[-2000:]
    again = Database(dialect_of(url))
    _, whole = await told(again, older)
    assert digest(whole) == digest(kept)
    await migrate(again)
    now, back = await told(again, older)
    assert now == at_head
    assert digest(back) == digest(kept)
    await again.dialect.close()


async def test_a_long_reader_is_waited_for_in_short_tries_and_keeps_nobody_else_waiting(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database(postgresql_url, new_id("reader"))
    database, reader = (Database(dialect_of(url)) for _ in range(2))
    await migrate(database)
    await migrate(database, REVISIONS[1])
    tries: list[float] = []
    step = schema._one_step

    async def counted(*given: object) -> bool:
        tries.append(asyncio.get_running_loop().time())
        return await step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(schema, "_one_step", counted)
    async with reader.transaction({}, "copy") as connection:
        await connection.execute(text("SELECT count(*) FROM turns"))  # its lock stays until the transaction ends
        migrating = asyncio.create_task(migrate(database))
        while len(tries) < 3 and not migrating.done():
            await asyncio.sleep(0.05)
        assert not migrating.done()
        async with reader.transaction({}, "copy") as other:  # queries come through between two tries
            async with asyncio.timeout(20):  # a try that keeps its place in the queue keeps it for 30
                await other.execute(text("SELECT count(*) FROM turns"))
    await migrating
    assert len(tries) > 3
    for one in (database, reader):
        await one.dialect.close()


OLDER = """
import asyncio, sys
from datetime import UTC, datetime
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.document import Collection, Document
from voiceagent.domain.events import Event
from voiceagent.domain.identity import ApiKey, Tenant, User
from voiceagent.domain.job import Job

async def main():
    store, now = open_store(sys.argv[1]), datetime.now(UTC)
    await store.directory.add_tenant(Tenant("ten_old", "Old", now))
    async with store.begin("ten_old") as work:
        await work.conversations.add(Conversation("conv_1", "default", "usr_1", "text", now, now))
        await work.conversations.put_turn(Turn("turn_1", "conv_1", "asked", "answer", "heard", "answered", now))
        await work.agents.put(Agent())
        await work.settings.put("a", {"b": 1})
        await work.jobs.enqueue(Job("job_1", "ten_old", "ingest", "doc_1", now, {}))
        await work.audit.append(AuditEntry("evt_1", now, "usr_1", "did", "it", "req", {}))
        await work.outbox.add(Event("evt_2", "ten_old", "document_ready", "doc_1", now))
    async with store.begin("ten_old", read_only=True) as work:
        print(len(await work.conversations.turns("conv_1", last=5)), len(await work.agents.all()), (await work.settings.get("a"))["b"])
        await work.documents.page(before=None, limit=5)
        await work.users.all(), await work.keys.all(), await work.collections.all(), await work.access.roles.all()
    job = await store.queue.claim(("ingest",), worker="w", lease_s=900)
    async with store.begin("ten_old") as work:
        await work.jobs.complete(job)
        await work.conversations.delete("conv_1")
    events = await store.relay.due(5)
    await store.relay.published(events, now)
    print(await store.ready(), len(events), await store.relay.depth())
    await store.close()
asyncio.run(main())
"""


async def test_the_code_before_the_newest_migration_works_on_todays_tables(url: str, tmp_path: Path) -> None:
    newest = next(Path(ROOT / VERSIONS).glob(f"v{REVISIONS[-1]}_*.py"))
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%H", "--diff-filter=A", "--", str(newest)]
    found = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    before = f"{found}^" if found else "HEAD"
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", before, "src"], capture_output=True, check=False)
    if packed.returncode != 0:
        pytest.skip("this copy of the repository has no history: the code before the newest migration is not in it")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as tar:
        tar.extractall(tmp_path / "older", filter="data")
    assert not list((tmp_path / "older" / VERSIONS).glob(f"v{REVISIONS[-1]}_*.py"))
    database = Database(dialect_of(url))
    await migrate(database)
    await database.dialect.close()
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "older" / "src")}
    run = subprocess.run(
        [sys.executable, "-c", OLDER, url], capture_output=True, text=True, timeout=400, env=environment
    )
    assert run.stdout.split() == ["1", "1", "1", "True", "1", "0"], run.stdout + run.stderr[-3000:]
