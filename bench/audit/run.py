"""What the audit log costs, and how fast it is checked; what encryption adds to a turn's record. All in one run.

    python -m bench.audit.run [--records 5000] [--turns 500] [--folder DIR] [--postgresql]

--folder: where the SQLite file lies (the disk decides).  --postgresql: on a server of its own in that folder, too.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from tests.support.servers import postgresql_at

from voiceagent.adapters.anchors.file import open_anchors, read_anchors
from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.blobs.sealed import SealedBlobs
from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.adapters.store.sealing.rows import RowSeal
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.adapters.store.tables import turns
from voiceagent.apps.custody.anchoring import anchor_all
from voiceagent.apps.custody.rotation import rotate
from voiceagent.apps.custody.verification import verify
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Citation, Conversation, Turn
from voiceagent.domain.identity import Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_signing import Signer
from voiceagent.kit.ids import new_id

TENANT = "ten_bench"
CITATION = Citation("doc_1", "Handbook", 3, 100, 200, "as the passage says " * 5, 0.7)


def entry() -> AuditEntry:
    return AuditEntry(new_id("aud"), datetime.now(UTC), "user_1", "key_created", new_id("key"), "req_1", {"n": 1})


def turn(conversation_id: str) -> Turn:
    answer = "It says that everybody has thirty days a year. " * 3
    asked = "what does the handbook say about holidays"
    now = datetime.now(UTC)
    return Turn(new_id("turn"), conversation_id, asked, answer, answer, "answered", now, citations=(CITATION, CITATION))


def rate(name: str, count: int, started: float) -> None:
    took_s = time.perf_counter() - started
    print(f"{name:<58} {count / took_s:9.0f} a second   {took_s / count * 1000:8.3f} ms each")


async def timed_ms(count: int, action: Callable[[], Awaitable[object]]) -> list[float]:
    took = []
    for _ in range(count):
        started = time.perf_counter()
        await action()
        took.append((time.perf_counter() - started) * 1000)
    return took


async def audit(name: str, store: SqlStore, folder: Path, count: int) -> None:
    await store.migrate()
    await store.directory.add_tenant(Tenant(TENANT, TENANT, datetime.now(UTC)))

    others = [f"ten_other{number}" for number in range(16)]
    for tenant_id in others:
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, datetime.now(UTC)))

    async def one(tenant_id: str = TENANT) -> None:
        async with store.begin(tenant_id) as work:
            await work.audit.append(entry())

    started = time.perf_counter()
    for _ in range(count // 10):
        await one()
    rate(f"{name}: a record a transaction, one caller", count // 10, started)
    started = time.perf_counter()
    for _ in range(0, count // 5, 16):
        await asyncio.gather(*(one() for _ in range(16)))
    rate(f"{name}: a record a transaction, 16 callers", count // 5, started)
    started = time.perf_counter()
    for _ in range(0, count // 5, 16):
        await asyncio.gather(*map(one, others))
    rate(f"{name}: the same, each of an organisation of its own", count // 5, started)
    started = time.perf_counter()
    for _ in range(0, count, 50):
        async with store.begin(TENANT) as work:
            for _ in range(50):
                await work.audit.append(entry())
    rate(f"{name}: 50 records a transaction", count, started)
    await check(name, store, folder)


async def check(name: str, store: SqlStore, folder: Path) -> None:
    signer, path = Signer(b"s" * 32), folder / f"{name}.jsonl"
    anchors = open_anchors(f"file://{path}", signer=signer)
    started = time.perf_counter()
    await anchor_all(store, anchors, SystemClock())
    await anchors.close()
    anchored_s = time.perf_counter() - started
    reading = read_anchors(path, signer.public_hex)
    started = time.perf_counter()
    reports = await verify(store, reading.anchors)
    assert not any(report.finding for report in reports)
    count = sum(report.records for report in reports)
    rate(f"{name}: verify, with {len(reading.anchors)} anchors", count, started)
    rate(f"{name}: anchor", count, time.perf_counter() - anchored_s)
    print(f"{name}: the anchors take {path.stat().st_size / count:.1f} bytes a record")


async def encryption(folder: Path, count: int) -> None:
    keys = open_keys(f"file://{folder}/root.key", ring=open_blobs(f"file://{folder}/ring"))
    stores = {
        "plain": open_store(f"sqlite:///{folder}/plain.db"),
        "sealed": open_store(f"sqlite:///{folder}/sealed.db", keys=keys),
    }
    took: dict[str, list[float]] = {name: [] for name in stores}
    for store in stores.values():
        await store.migrate()
        async with store.begin(TENANT) as work:
            await work.conversations.add(
                Conversation("conv_1", "default", "u", "voice", datetime.now(UTC), datetime.now(UTC))
            )

    def recorder(store: SqlStore) -> Callable[[], Awaitable[None]]:
        async def record() -> None:
            async with store.begin(TENANT) as work:
                await work.conversations.put_turn(turn("conv_1"))

        return record

    for _ in range(count // 20):  # in turns, so that what else the machine does weighs alike
        for name, store in stores.items():
            took[name] += await timed_ms(20, recorder(store))
    for name, values in took.items():
        print(f"{f'SQLite: record a turn, {name}':<58} p50 {statistics.median(values):8.3f} ms")
    await in_memory(keys)
    started = time.perf_counter()
    moved = await rotate(
        stores["sealed"], (SealedBlobs(open_blobs(f"file://{folder}/o"), keys),), keys, TENANT, wait=no_wait
    )
    rate("SQLite: put row keys under a new tenant key", moved, started)
    for store in stores.values():
        await store.close()


async def no_wait(_seconds: float) -> None:
    """Nobody else uses these keys."""


async def in_memory(keys: KeyRing) -> None:
    """What sealing and opening a turn cost by themselves."""
    seal, one = RowSeal(keys, TENANT), turn("conv_1")
    quotes = [{"document_id": "d", "title": "Handbook", "quote": CITATION.quote}] * 2
    row = {"turn_id": one.turn_id, "asked": one.asked, "answer": one.answer, "heard": one.heard, "citations": quotes}
    sealed = await seal.sealed(turns, row)
    for name, action in (("seal", lambda: seal.sealed(turns, row)), ("open", lambda: seal.opened(sealed))):
        print(f"{f'processor alone: {name} a turn':<58} p50 {statistics.median(await timed_ms(2_000, action)):8.3f} ms")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        await encryption(folder, options.turns)
        store = open_store(f"sqlite:///{folder}/audit.db")
        await audit("SQLite", store, folder, options.records)
        await store.close()
        if options.postgresql:
            folder.chmod(0o755)
            beside = folder / "postgresql"
            beside.mkdir()
            beside.chmod(0o777)  # the server runs as a user of its own
            with postgresql_at(beside / "server") as url:
                store = open_store(url)
                await audit("PostgreSQL", store, folder, options.records)
                await store.close()


if __name__ == "__main__":
    asyncio.run(main())
