"""1,000 tamperings with the audit log by somebody with full rights on the database who knows how it is hashed: how many are found, and placed.

    python -m bench.audit.tamper [--count 1000] [--records 120] [--commands 12] [--postgresql]

Two organisations, anchored every ten records. Each tampering is one of six kinds, half of them with all later hashes made anew; it is written
into the database, the verifier reads everything, and the log is put back. The last few are judged by `voiceagent audit verify` in a process of
its own, with a copy of anchors and database (SQLite) and the public key alone. Ends with 1 when one is missed or misplaced.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from tests.support.servers import postgresql_at

from voiceagent.adapters.anchors.file import open_anchors, read_anchors
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.adapters.store.tables import audit
from voiceagent.apps.custody.anchoring import anchor_all
from voiceagent.apps.custody.verification import verify
from voiceagent.domain.audit import FIRST_PREVIOUS, AuditEntry, digest
from voiceagent.domain.identity import Tenant
from voiceagent.domain.trail.check import Anchor
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_signing import Signer

TENANTS = ("ten_a", "ten_b")
START = datetime(2026, 3, 1, tzinfo=UTC)
SIGNER = Signer(b"s" * 32)
Row = dict[str, Any]
Rows = list[Row]
LOOSE = {
    "sqlite": (
        "DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete",
        "CREATE TABLE loose AS SELECT * FROM audit", "DROP TABLE audit", "ALTER TABLE loose RENAME TO audit",
    ),
    "postgresql": (
        "ALTER TABLE audit DISABLE TRIGGER ALL", "ALTER TABLE audit DROP CONSTRAINT pk_audit",
        "ALTER TABLE audit DROP CONSTRAINT uq_audit_tenant_id_sequence",
    ),
}  # fmt: skip
"""What an owner of the database does first."""


def entry(number: int, **changes: Any) -> AuditEntry:
    values: Row = {"entry_id": f"aud_{number:06}", "at": START + timedelta(seconds=number), "action": "key_created"}
    values |= {"subject": f"user_{number % 3}", "object_id": f"key_{number}", "request_id": f"req_{number}"}
    return AuditEntry(**(values | {"data": {"n": number, "ok": True}} | changes))


def rehashed(tenant_id: str, rows: Rows) -> None:
    previous = FIRST_PREVIOUS
    for sequence, row in enumerate(rows, start=1):
        told = AuditEntry(
            *(row[name] for name in ("entry_id", "at", "subject", "action", "object_id", "request_id", "data"))
        )
        found = digest(tenant_id, sequence, previous, told)
        row |= {"sequence": sequence, "previous_sha256": previous, "sha256": found}
        previous = found


def change(rows: Rows, dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    name, value = dice.choice([
        ("subject", "user_9"), ("action", "key_revoked"), ("object_id", "key_x"), ("request_id", ""), ("data", {}),
        ("at", rows[at]["at"] + timedelta(microseconds=1)), ("entry_id", "aud_x"), ("data", {"n": -1, "ok": True}),
    ])  # fmt: skip
    rows[at][name] = value
    return at + 1


def delete(rows: Rows, dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    del rows[at]
    return at + 1


def insert(rows: Rows, dice: random.Random) -> int:
    """Between others: who may add records behind the newest as the platform does is not found out by hashes."""
    at = dice.randrange(len(rows) - 1)
    rows.insert(at + 1, dict(rows[at], entry_id=f"{rows[at]['entry_id']}z", subject="user_8"))
    return at + 2


def reorder(rows: Rows, dice: random.Random) -> int:
    one, other = sorted(dice.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other], rows[one]
    for at in (one, other):
        rows[at]["sequence"] = at + 1
    return one + 1


def truncate(rows: Rows, dice: random.Random) -> int:
    kept = dice.randrange(len(rows))
    del rows[kept:]
    return kept + 1


def roll_back(rows: Rows, dice: random.Random) -> int:
    """The database as it was, and then other deeds."""
    at = truncate(rows, dice)
    for number in range(dice.randint(1, 40)):
        rows.append(
            dict(_plain(entry(9_000 + number)), tenant_id="", sequence=at + number, previous_sha256="", sha256="")
        )
    return at


KINDS: dict[str, Callable[[Rows, random.Random], int]] = {
    "change": change, "delete": delete, "insert": insert, "reorder": reorder, "truncate": truncate, "roll back": roll_back,
}  # fmt: skip


def _plain(told: AuditEntry) -> Row:
    return {
        name: getattr(told, name) for name in ("entry_id", "at", "subject", "action", "object_id", "request_id", "data")
    }


@dataclass
class Site:
    """A store with two logs, their anchors, and a way in with full rights. url: of the database."""

    url: str
    store: SqlStore
    anchors: tuple[Anchor, ...]
    anchors_file: Path
    way_in: AsyncEngine
    pristine: dict[str, Rows]

    async def write(self, tenant_id: str, rows: Rows) -> None:
        async with self.way_in.begin() as connection:
            await connection.execute(audit.delete().where(audit.c.tenant_id == tenant_id))
            if rows:
                await connection.execute(audit.insert(), [row | {"tenant_id": tenant_id} for row in rows])


async def built(url: str, folder: Path, count: int) -> Site:
    store = open_store(url)
    await store.migrate()
    keeper = open_anchors(f"file://{folder}/anchors.jsonl", signer=SIGNER)
    for tenant_id in TENANTS:
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, START))
    for begin in range(0, count, 10):
        for tenant_id in TENANTS:
            async with store.begin(tenant_id) as work:
                for number in range(begin, begin + 10):
                    await work.audit.append(entry(number))
        await anchor_all(store, keeper, SystemClock())
    await keeper.close()
    driver = url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    way_in = create_async_engine(driver, poolclass=StaticPool if driver.startswith("sqlite") else None)
    if driver.startswith("sqlite"):
        async with way_in.connect() as connection:
            await connection.execute(text("PRAGMA synchronous=OFF"))  # what is tampered with need not be durable
    async with way_in.begin() as connection:
        for statement in LOOSE[url.partition(":")[0]]:
            await connection.execute(text(statement))
        found = (await connection.execute(audit.select().order_by(audit.c.sequence))).mappings().all()
    pristine = {one: [dict(row) for row in found if row["tenant_id"] == one] for one in TENANTS}
    file = folder / "anchors.jsonl"
    return Site(url, store, read_anchors(file, SIGNER.public_hex).anchors, file, way_in, pristine)


async def judged(site: Site) -> dict[str, int | None]:
    """Where the verifier says that each log is bad."""
    reports = await verify(site.store, site.anchors)
    return {one.tenant_id: one.finding.sequence if one.finding else None for one in reports}


def by_command(site: Site, folder: Path) -> dict[str, int | None]:
    """The same by the command, on copies, without any setting of the platform."""
    database = site.url
    if site.url.startswith("sqlite"):
        database = str(folder / "copy.db")
        Path(database).unlink(missing_ok=True)
        original = site.url.removeprefix("sqlite:///")
        subprocess.run([sys.executable, "-c", _COPY, original, database], check=True)
    anchors = folder / "copy.jsonl"
    anchors.write_bytes(site.anchors_file.read_bytes())
    command = [
        "-m",
        "voiceagent.apps.cli",
        "audit",
        "verify",
        "--json",
        "--database",
        database,
        "--anchors",
        str(anchors),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
    environment["VOICEAGENT_DATA__DIR"] = str(folder / "empty")
    done = subprocess.run(
        [sys.executable, *command, "--public-key", SIGNER.public_hex], env=environment, capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    assert (done.returncode == 0) == told["good"], done
    return {one["tenant_id"]: one["finding"] and one["finding"]["sequence"] for one in told["tenants"]}


_COPY = "import sqlite3,sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"


async def tampered(site: Site, folder: Path, options: argparse.Namespace) -> bool:
    dice, names = random.Random(23), list(KINDS)
    done: Counter[str] = Counter()
    missed: list[str] = []
    begun = time.perf_counter()
    assert set((await judged(site)).values()) == {None}, "the untouched log is good"
    for number in range(options.count):
        name, tenant_id = names[number % len(names)], dice.choice(TENANTS)
        rows = [dict(row) for row in site.pristine[tenant_id]]
        place = KINDS[name](rows, dice)
        if name == "roll back" or dice.random() < 0.5:
            rehashed(tenant_id, rows)
        await site.write(tenant_id, rows)
        is_last = number >= options.count - options.commands
        found = await asyncio.to_thread(by_command, site, folder) if is_last else await judged(site)
        await site.write(tenant_id, site.pristine[tenant_id])
        done[name] += 1
        wanted = dict.fromkeys(TENANTS) | {tenant_id: place}
        if found != wanted:
            missed.append(f"{name}: {found}, not {wanted}")
    assert set((await judged(site)).values()) == {None}, "the log was put back"
    print(
        f"{site.url.partition(':')[0]}: {options.count - len(missed)} of {options.count} found and placed: {dict(done)}"
    )
    print(
        f"    {options.commands} by the command; {2 * options.records} records read each time; {time.perf_counter() - begun:.0f} s"
    )
    for line in missed[:10]:
        print("   ", line)
    await site.store.close()
    await site.way_in.dispose()
    return not missed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1_000)
    options.add_argument("--records", type=int, default=120)
    options.add_argument("--commands", type=int, default=12)
    options.add_argument("--postgresql", action="store_true")
    chosen = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        url = f"sqlite:///{folder}/log.db"
        if chosen.postgresql:
            beside = folder / "postgresql"
            beside.mkdir()
            beside.chmod(0o777)  # the server runs as a user of its own
            url = stack.enter_context(postgresql_at(beside / "server"))

        async def run() -> bool:
            return await tampered(await built(url, folder, chosen.records), folder, chosen)

        good = asyncio.run(run())
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
