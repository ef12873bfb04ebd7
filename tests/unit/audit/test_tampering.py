"""Somebody with full rights on the database tampers with the audit log, knows how it is hashed, and is found out each time."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from voiceagent.adapters.anchors.file import FileAnchors, open_anchors, read_anchors
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.apps.custody import verification
from voiceagent.apps.custody.anchoring import anchor_all
from voiceagent.apps.custody.verification import TenantReport, verify
from voiceagent.domain.audit import FIRST_PREVIOUS, AuditEntry, AuditRecord, digest
from voiceagent.domain.identity import Tenant
from voiceagent.domain.trail.check import Anchor, ChainCheck, Finding
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_signing import Signer
from voiceagent.kit.errors import Conflict

START = datetime(2026, 3, 1, tzinfo=UTC)
TENANTS = ("ten_a", "ten_b")
RECORDS = 24
SIGNER = Signer(b"s" * 32)
TAMPERINGS = 1_000
_COLUMNS = "tenant_id, entry_id, at, subject, action, object_id, request_id, data, sequence, previous_sha256, sha256"


def entry(number: int, **changes: Any) -> AuditEntry:
    values = {"entry_id": f"aud_{number:04}", "at": START + timedelta(seconds=number), "subject": f"user_{number % 3}"}
    values |= {"action": "key_created", "object_id": f"key_{number}", "request_id": f"req_{number}"}
    return AuditEntry(**(values | {"data": {"n": number, "share": number / 7, "whole": 2.0, "ok": True}} | changes))


@dataclass
class Site:
    """A store with two logs and their anchors, and a way in for who has full rights."""

    store: SqlStore
    anchors: tuple[Anchor, ...]
    way_in: sqlite3.Connection

    def restore(self) -> None:
        self.way_in.execute("DELETE FROM audit")
        self.way_in.execute(f"INSERT INTO audit ({_COLUMNS}) SELECT {_COLUMNS} FROM pristine")

    async def verdict(self, tenant_id: str) -> TenantReport:
        (report,) = [one for one in await verify(self.store, self.anchors) if one.tenant_id == tenant_id]
        return report


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = open_store(f"sqlite:///{tmp_path}/voiceagent.db")
    await store.migrate()
    keeper = open_anchors(f"file://{tmp_path}/anchors.jsonl", signer=SIGNER)
    for tenant_id in TENANTS:
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, START))
    for number in range(RECORDS):
        for tenant_id in TENANTS:
            async with store.begin(tenant_id) as work:
                await work.audit.append(entry(number))
        if number % 10 == 9:
            await anchor_all(store, keeper, SystemClock())
    await anchor_all(store, keeper, SystemClock())
    await keeper.close()
    way_in = sqlite3.connect(tmp_path / "voiceagent.db", isolation_level=None)
    way_in.execute("PRAGMA synchronous=OFF")
    way_in.executescript(
        "DROP TRIGGER audit_refuses_update; DROP TRIGGER audit_refuses_delete;"
        f"CREATE TABLE pristine AS SELECT {_COLUMNS} FROM audit;"
        f"CREATE TABLE loose AS SELECT {_COLUMNS} FROM audit; DROP TABLE audit; ALTER TABLE loose RENAME TO audit;"
    )  # even the unique numbers are gone
    yield Site(store, read_anchors(tmp_path / "anchors.jsonl", SIGNER.public_hex).anchors, way_in)
    way_in.close()
    await store.close()


def rehashed(db: sqlite3.Connection, tenant_id: str) -> None:
    """Number and hash the log of a tenant anew, so that its chain fits."""
    rows = db.execute(
        "SELECT rowid, at, entry_id, subject, action, object_id, request_id, data FROM audit WHERE tenant_id = ? "
        "ORDER BY sequence, rowid",
        (tenant_id,),
    ).fetchall()
    previous = FIRST_PREVIOUS
    for sequence, (row_id, at, entry_id, subject, action, object_id, request_id, data) in enumerate(rows, start=1):
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
        told = AuditEntry(entry_id, when, subject, action, object_id, request_id, json.loads(data))
        found = digest(tenant_id, sequence, previous, told)
        db.execute(
            "UPDATE audit SET sequence = ?, previous_sha256 = ?, sha256 = ? WHERE rowid = ?",
            (sequence, previous, found, row_id),
        )
        previous = found


Tampering = Callable[[sqlite3.Connection, str, random.Random], int]
"""Tampers with the log of a tenant; the first record that is no longer what was written."""


def change(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    at = dice.randint(1, RECORDS)
    column, value = dice.choice(
        [
            ("subject", "'user_9'"), ("action", "'key_revoked'"), ("object_id", "'key_99'"), ("request_id", "''"),
            ("at", "at + 1"), ("data", "'{}'"), ("data", "'{broken'"), ("data", "'[1]'"), ("at", "'late'"),
            ("entry_id", "entry_id || 'x'"), ("sha256", "hex(randomblob(32))"), ("previous_sha256", "sha256"),
            ("subject", "NULL"), ("data", "replace(data, 'true', 'false')"),
        ]
    )  # fmt: skip
    db.execute(f"UPDATE audit SET {column} = {value} WHERE tenant_id = ? AND sequence = ?", (tenant_id, at))
    return at


def change_and_rehash(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    at = dice.randint(1, RECORDS)
    db.execute("UPDATE audit SET subject = 'user_9' WHERE tenant_id = ? AND sequence = ?", (tenant_id, at))
    rehashed(db, tenant_id)
    return at


def delete(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    at = dice.randint(1, RECORDS)
    db.execute("DELETE FROM audit WHERE tenant_id = ? AND sequence = ?", (tenant_id, at))
    if dice.random() < 0.5:
        rehashed(db, tenant_id)
    return at


def insert(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    """A record between those that are there; sometimes one of the other tenant's.

    Behind the newest one only without a chain that fits: who may add records as the platform does is not found out by hashes.
    """
    at, source = dice.randint(1, RECORDS), dice.choice(TENANTS)
    db.execute(
        f"INSERT INTO audit ({_COLUMNS}) SELECT ?, entry_id || 'z', at + 5, subject, action, object_id, request_id, data, "
        "sequence, previous_sha256, sha256 FROM pristine WHERE tenant_id = ? AND sequence = ?",
        (tenant_id, source, at),
    )
    if dice.random() < 0.5 and at < RECORDS:
        rehashed(db, tenant_id)
    return at + 1


def insert_before_all(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    db.execute(
        f"INSERT INTO audit ({_COLUMNS}) SELECT tenant_id, 'aud_', at, subject, action, object_id, request_id, data, "
        "?, previous_sha256, sha256 FROM pristine WHERE tenant_id = ? AND sequence = 1",
        (-dice.randint(0, 5), tenant_id),
    )
    return 1


def reorder(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    one, other = sorted(dice.sample(range(1, RECORDS + 1), 2))
    db.execute(
        "UPDATE audit SET sequence = CASE sequence WHEN ? THEN ? ELSE ? END WHERE tenant_id = ? AND sequence IN (?, ?)",
        (one, other, one, tenant_id, one, other),
    )
    if dice.random() < 0.5:
        rehashed(db, tenant_id)
    return one


def truncate(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    kept = dice.randint(0, RECORDS - 1)
    db.execute("DELETE FROM audit WHERE tenant_id = ? AND sequence > ?", (tenant_id, kept))
    return kept + 1


def roll_back_and_go_on(db: sqlite3.Connection, tenant_id: str, dice: random.Random) -> int:
    """The database as it was, and then other deeds than those that happened."""
    at = truncate(db, tenant_id, dice)
    for number in range(dice.randint(1, RECORDS)):
        values = (tenant_id, f"aud_new_{number}", 1_800_000_000_000_000 + number, "user_1", "signed_in", "x", "", "{}")
        db.execute(f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')", (*values, at + number))
    rehashed(db, tenant_id)
    return at


TAMPERINGS_KNOWN = (
    change,
    change_and_rehash,
    delete,
    insert,
    insert_before_all,
    reorder,
    truncate,
    roll_back_and_go_on,
)


async def test_a_log_that_nobody_touched_is_good(site: Site) -> None:
    for report in await verify(site.store, site.anchors):
        assert (report.records, report.anchored, report.finding) == (RECORDS, RECORDS, None)


def read(db: sqlite3.Connection, tenant_id: str) -> Iterator[AuditRecord]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM audit WHERE tenant_id = ? ORDER BY sequence, entry_id", (tenant_id,))
    for _, entry_id, at, subject, action, object_id, request_id, data, *place in rows:
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
        told = AuditEntry(entry_id, when, subject, action, object_id, request_id, json.loads(data))
        yield AuditRecord(tenant_id, *place, told)


def first_bad(site: Site, tenant_id: str) -> Finding | None:
    check = ChainCheck(tenant_id, site.anchors)
    try:
        return check.read(read(site.way_in, tenant_id)) or check.ended()
    except (ValueError, TypeError):  # a value that is none of its column's kind
        return Finding(tenant_id, check.count + 1, "changed")


async def test_of_1000_random_tamperings_each_is_found_and_its_place_named(site: Site) -> None:
    dice = random.Random(7)
    for number in range(TAMPERINGS):
        tamper, tenant_id = TAMPERINGS_KNOWN[number % len(TAMPERINGS_KNOWN)], dice.choice(TENANTS)
        site.way_in.execute("BEGIN")
        place = tamper(site.way_in, tenant_id, dice)
        findings = {one: first_bad(site, one) for one in TENANTS}
        site.way_in.execute("ROLLBACK")
        finding = findings.pop(tenant_id)
        assert finding is not None, (number, tamper.__name__)
        assert finding.sequence == place, (number, tamper.__name__, finding, place)
        assert list(findings.values()) == [None], "the other tenant's log is as it was"


@pytest.mark.parametrize("tamper", TAMPERINGS_KNOWN)
@pytest.mark.parametrize("pages", [3, 5_000])
async def test_the_verifier_reads_the_database_as_closely(
    site: Site, tamper: Tampering, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "RECORDS_AT_A_TIME", pages)
    dice = random.Random(pages)
    for _ in range(2):
        place = tamper(site.way_in, "ten_a", dice)
        finding = (await site.verdict("ten_a")).finding
        assert finding is not None
        assert finding.sequence == place
        assert (await site.verdict("ten_b")).finding is None
        site.restore()


async def test_a_tenant_that_was_removed_whole_is_missed(site: Site) -> None:
    site.way_in.execute("DELETE FROM audit WHERE tenant_id = 'ten_a'")
    site.way_in.execute("DELETE FROM tenants WHERE tenant_id = 'ten_a'")
    finding = (await site.verdict("ten_a")).finding
    assert finding is not None
    assert (finding.sequence, finding.what) == (1, "cut_off")


async def test_records_after_the_last_anchor_are_checked_by_their_chain(site: Site, tmp_path: Path) -> None:
    async with site.store.begin("ten_a") as work:
        await work.audit.append(entry(500))
    assert (await site.verdict("ten_a")).finding is None
    site.way_in.execute("UPDATE audit SET subject = 'x' WHERE sequence = ?", (RECORDS + 1,))
    finding = (await site.verdict("ten_a")).finding
    assert finding is not None
    assert (finding.sequence, finding.what) == (RECORDS + 1, "changed")


async def test_a_log_that_is_not_the_anchored_one_is_never_anchored_again(site: Site, tmp_path: Path) -> None:
    keeper = open_anchors(f"file://{tmp_path}/anchors.jsonl", signer=SIGNER)
    site.way_in.execute("UPDATE audit SET sha256 = ? WHERE tenant_id = 'ten_a' AND sequence = ?", ("0" * 64, RECORDS))
    for tenant_id in TENANTS:
        async with site.store.begin(tenant_id) as work:
            await work.audit.append(entry(600))
    await anchor_all(site.store, keeper, SystemClock())
    newest = [await keeper.last(tenant_id) for tenant_id in TENANTS]
    assert [one.last for one in newest if one] == [RECORDS, RECORDS + 1]
    await keeper.close()


async def test_looks_that_meet_note_the_same_records_once(site: Site, tmp_path: Path) -> None:
    keeper = open_anchors(f"file://{tmp_path}/anchors.jsonl", signer=SIGNER)
    for tenant_id in TENANTS:
        async with site.store.begin(tenant_id) as work:
            await work.audit.append(entry(700))
    await asyncio.gather(*(anchor_all(site.store, keeper, SystemClock()) for _ in range(4)))
    await keeper.close()
    reading = read_anchors(tmp_path / "anchors.jsonl", SIGNER.public_hex)
    assert reading.bad_line is None
    assert len(reading.anchors) == len(site.anchors) + len(TENANTS)


# --- the file of the anchors --------------------------------------------------------------------------------------------


async def test_each_changed_missing_or_swapped_line_of_the_anchors_is_found(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    dice = random.Random(3)
    for at in range(len(lines)):
        spot = dice.randrange(len(lines[at]) - 1)
        flipped = bytearray(lines[at])
        flipped[spot] ^= 1 << dice.randrange(7)
        for bad in ([bytes(flipped)], [], [lines[at], lines[at]]):
            changed = [*lines[:at], *bad, *lines[at + 1 :]]
            path.write_bytes(b"".join(changed))
            reading = read_anchors(path, SIGNER.public_hex)
            if changed != lines[:at]:  # the end cut off is a rollback: the records behind it are not anchored, no more
                assert reading.bad_line is not None
                assert at <= reading.bad_line - 1 <= at + 1
    path.write_bytes(b"".join(lines))
    assert read_anchors(path, Signer(b"o" * 32).public_hex).bad_line == 1


async def test_half_a_line_is_cut_off_and_each_start_is_told(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    keeper: FileAnchors = open_anchors(f"file://{path}", signer=SIGNER)
    with pytest.raises(Conflict) as caught:
        open_anchors(f"file://{path}", signer=SIGNER)
    assert caught.value.code == "anchors_taken"
    await keeper.close()
    reading = read_anchors(path, SIGNER.public_hex)
    assert (reading.bad_line, reading.starts, reading.anchors) == (None, 2, site.anchors)
    assert path.stat().st_mode & 0o777 == 0o600
