"""What a turn's record costs: milliseconds a transaction on SQLite and PostgreSQL, and beside it the disk's own sync, in one run.

    python bench/store/run.py [--turns 1000] [--folder DIR] [--postgresql URL]

--folder: where the SQLite file lies (the disk decides).  --postgresql: a database to write into; left out when not given.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.conversation import Citation, Conversation, Turn, TurnTimings
from voiceagent.kit.ids import new_id

TENANT = "ten_bench"
CITATION = Citation("doc_1", "Handbook", 3, 100, 200, "as the passage says " * 5, 0.7)


def a_turn(conversation_id: str) -> Turn:
    asked, answer = "what does the handbook say about holidays", "It says that everybody has thirty days a year. " * 3
    timings = TurnTimings(100.0, 200.0, 300.0, 400.0, 450.0, 500.0, 10.0, 2.5, 6.0)
    now = datetime.now(UTC)
    return Turn(
        new_id("turn"),
        conversation_id,
        asked,
        answer,
        answer,
        "answered",
        now,
        timings,
        (CITATION, CITATION),
        "chat",
        900,
        40,
    )


def spread(name: str, took_ms: list[float]) -> str:
    ordered = sorted(took_ms)
    p95 = ordered[int(len(ordered) * 0.95)]
    return (
        f"{name:<44} p50 {statistics.median(ordered):7.3f}   p95 {p95:7.3f}   mean {statistics.fmean(ordered):7.3f} ms"
    )


async def timed(count: int, action: Callable[[], Awaitable[object]]) -> list[float]:
    for _ in range(20):
        await action()
    took_ms = []
    for _ in range(count):
        started = time.perf_counter()
        await action()
        took_ms.append((time.perf_counter() - started) * 1000)
    return took_ms


def sync_ms(folder: Path, count: int) -> list[float]:
    """Append 4 KiB and sync: the least that any durable store must do for an acknowledgement."""
    took_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            took_ms.append((time.perf_counter() - started) * 1000)
    return took_ms


async def measure(name: str, store: SqlStore, count: int) -> None:
    await store.migrate()
    now = datetime.now(UTC)
    conversation = Conversation(new_id("conv"), "default", "user_1", "voice", now, now)
    async with store.begin(TENANT) as unit:
        await unit.conversations.add(conversation)

    async def record() -> None:
        async with store.begin(TENANT) as unit:
            await unit.conversations.put_turn(a_turn(conversation.conversation_id))

    async def read() -> None:
        async with store.begin(TENANT, read_only=True) as unit:
            await unit.conversations.turns(conversation.conversation_id, last=20)

    print(spread(f"{name}: record a turn, durable", await timed(count, record)))
    print(spread(f"{name}: read the last 20 turns", await timed(count, read)))
    started = time.perf_counter()
    for _ in range(0, count, 8):
        await asyncio.gather(*(record() for _ in range(8)))
    print(f"{name + ': 8 callers at a time':<44} {count / (time.perf_counter() - started):7.0f} turns/s")
    await store.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--postgresql", metavar="URL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(spread("disk: append 4 KiB and sync", sync_ms(Path(folder), options.turns)))
        await measure("SQLite", open_store(f"sqlite:///{folder}/bench.db"), options.turns)
    if options.postgresql:
        await measure("PostgreSQL", open_store(options.postgresql), options.turns)


if __name__ == "__main__":
    asyncio.run(main())
