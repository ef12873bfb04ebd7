"""What writers were told is stored, and whether it is: turns, audit records and documents, none lost, none doubled, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import pairwise

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.apps.custody.verification import verify
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.document import Collection, Document
from voiceagent.domain.identity import Tenant
from voiceagent.kit.errors import Conflict, Problem

TENANT = "ten_drill"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
WRITERS = 4


@dataclass(slots=True)
class Verdict:
    """Counts of one or many rounds."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    broken_chains: int = 0

    def add(self, other: Verdict) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def bad(self) -> int:
        return self.lost + self.doubled + self.disordered + self.broken_chains


async def prepared(store: SqlStore) -> None:
    """Tables, one organisation, a conversation for each writer."""
    await store.migrate()
    try:
        await store.directory.add_tenant(Tenant(TENANT, "drill", NOW))
    except Conflict:
        return
    async with store.begin(TENANT) as work:
        await work.collections.put(Collection("col_1", "all", NOW))
        for writer in range(WRITERS):
            await work.conversations.add(Conversation(f"conv_{writer}", "default", "u", "voice", NOW, NOW))


async def write(url: str, blobs_url: str, first: int) -> None:
    """Write without end: a turn and its audit record in one transaction, each fifth time a document; say what was acknowledged."""
    store, blobs = open_store(url), open_blobs(blobs_url)

    async def one(writer: int) -> None:
        number = first
        while True:
            name, body = f"{writer}_{number:08d}", f"{writer} {number} ".encode() * 300
            async with store.begin(TENANT) as work:
                turn = Turn(f"turn_{name}", f"conv_{writer}", name, "x" * 500, "heard", "answered", datetime.now(UTC))
                await work.conversations.put_turn(turn)
                await work.audit.append(AuditEntry(f"aud_{name}", datetime.now(UTC), "u", "turn", f"turn_{name}"))
            print(f"turn {name}", flush=True)
            if number % 5 == 0:
                await blobs.put(f"{TENANT}/documents/{name}", body)
                document = Document(f"doc_{name}", "col_1", "t", "f", "text/plain", 1, "0" * 64, "queued", NOW, NOW)
                async with store.begin(TENANT) as work:
                    await work.documents.put(document)
                print(f"doc {name}", flush=True)
            number += 1

    await asyncio.gather(*(one(writer) for writer in range(WRITERS)))


async def judged(url: str, blobs_url: str, acknowledged: Iterable[str]) -> Verdict:
    """Compare the lines that `write` printed with what is stored."""
    store, blobs = open_store(url), open_blobs(blobs_url)
    told = [line.split() for line in acknowledged]
    verdict = Verdict(acknowledged=len(told))
    try:
        stored: list[str] = []
        async with store.begin(TENANT, read_only=True) as work:
            for writer in range(WRITERS):
                names = [turn.asked for turn in await work.conversations.turns(f"conv_{writer}", last=10**9)]
                verdict.disordered += sum(a > b for a, b in pairwise(names))
                stored += names
            records = [one.entry.object_id async for one in _records(work)]
            verdict.doubled += len(stored) - len(set(stored)) + len(records) - len(set(records))
            turns, audited = set(stored), set(records)
            for kind, name in told:
                if kind == "turn":
                    verdict.lost += (name not in turns) + (f"turn_{name}" not in audited)
                else:
                    verdict.lost += not await _is_whole(work, blobs, name)
        verdict.broken_chains = sum(report.finding is not None for report in await verify(store, ()))
    finally:
        await store.close()
        await blobs.close()
    return verdict


async def _records(work):  # type: ignore[no-untyped-def]
    after = 0
    while records := await work.audit.records(after=after, limit=5_000):
        for record in records:
            yield record
        after = records[-1].sequence


async def _is_whole(work, blobs, name: str) -> bool:  # type: ignore[no-untyped-def]
    writer, number = name.split("_")
    try:
        await work.documents.get(f"doc_{name}")
        data = b"".join([piece async for piece in blobs.get(f"{TENANT}/documents/{name}")])
    except Problem:
        return False
    return data == f"{writer} {int(number)} ".encode() * 300
