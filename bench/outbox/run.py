"""A backlog of events, and a publisher that is killed again and again: what is lost, seen twice, out of order, and what memory it takes.

    python bench/outbox/run.py [--events 100000] [--kills 100] [--servers]

Rows of the outbox on SQLite with the log in memory, or with --servers on real PostgreSQL and Redis. The publisher is a process of its own, that
publishes and consumes; it is ended by SIGKILL at random moments and started again until nothing waits. Ends with 1 when anything was lost, came
out of order within a subject for the first time, or memory grew by more than 32 MiB over that of a hundredth of the backlog.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import insert

ROOT = Path(__file__).absolute().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.servers import fresh_database, postgresql_server, redis_server  # noqa: E402

from voiceagent.adapters.store.sql import open_store  # noqa: E402
from voiceagent.adapters.store.tables import outbox  # noqa: E402
from voiceagent.apps.build import opened  # noqa: E402
from voiceagent.apps.events.courier import Courier  # noqa: E402
from voiceagent.domain.events import Event  # noqa: E402
from voiceagent.kit.clock import SystemClock  # noqa: E402
from voiceagent.kit.ids import new_id  # noqa: E402
from voiceagent.ports.eventlog import EventLog  # noqa: E402

GROWTH_BYTES = 32 * 2**20
SUBJECTS = 500
TENANT = "ten_outbox"


async def filled(url: str, count: int) -> None:
    """So many rows that wait, of SUBJECTS subjects in turn."""
    store, began = open_store(url), datetime(2026, 3, 1, tzinfo=UTC)
    await store.migrate()
    for first in range(0, count, 5_000):
        rows = [
            {"tenant_id": TENANT, "event_id": f"evt_{n:08}", "kind": "document_ready", "subject_id": f"doc_{n % SUBJECTS}",
             "created_at": began + timedelta(milliseconds=n), "data": {"n": n}}
            for n in range(first, min(first + 5_000, count))
        ]  # fmt: skip
        async with store._database.transaction({"tenant": TENANT}) as connection:
            await connection.execute(insert(outbox), rows)
    await store.close()


async def publisher(url: str, bus: str, seen: Path) -> None:
    """Until nothing waits: publish, and write down what a consumer sees, one number a line."""
    store, log = open_store(url), await opened("eventlog", bus)
    courier = Courier(store.relay, log, SystemClock())
    with seen.open("a", buffering=1) as book:

        async def handle(event: Event) -> None:
            book.write(f"{event.data['n']}\n")

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(courier.run()),
                group.create_task(courier.consume("bench", handle, new_id("member"))),
            ]
            while await store.relay.depth() or await _left(log):
                await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
    await log.close()
    await store.close()


async def _left(log: EventLog) -> bool:
    """Whether a durable log holds what the group has not settled."""
    client = getattr(log, "_client", None)
    if client is None:
        return False
    group = next((one for one in await client.xinfo_groups(log._stream) if one["name"] == b"bench"), None)  # type: ignore[attr-defined]
    return group is None or bool(group["lag"]) or bool(group["pending"])


def drained(url: str, bus: str, seen: Path, kills: int) -> tuple[float, int, int]:
    """Seconds, the largest resident size of a publisher, and how often one was killed."""
    began_s, most, killed = time.monotonic(), 0, 0
    command = [sys.executable, __file__, "--child", url, bus, str(seen)]
    while True:
        child = subprocess.Popen(command)
        lives_s = random.uniform(0.8, 3.0) if killed < kills else 3_600.0
        ends_s = time.monotonic() + lives_s
        while child.poll() is None and time.monotonic() < ends_s:
            with contextlib.suppress(psutil.NoSuchProcess):
                most = max(most, psutil.Process(child.pid).memory_info().rss)
            time.sleep(0.05)
        if child.poll() is not None:
            if child.returncode:
                raise SystemExit(f"the publisher ended with {child.returncode}")
            return time.monotonic() - began_s, most, killed
        child.kill()
        child.wait()
        killed += 1


def judged(seen: Path, count: int) -> tuple[int, int, int]:
    """Lost, seen again, and first sights that came after a later one of the same subject."""
    numbers = [int(line) for line in seen.read_text().split()]
    first: dict[int, None] = dict.fromkeys(numbers)
    newest: dict[int, int] = {}
    early = 0
    for number in first:
        early += newest.get(number % SUBJECTS, -1) > number
        newest[number % SUBJECTS] = max(number, newest.get(number % SUBJECTS, -1))
    return count - len(first), len(numbers) - len(first), early


@contextlib.contextmanager
def places(servers: bool, folder: Path) -> Iterator[tuple[str, str]]:
    """Where rows and log lie."""
    if not servers:
        yield f"sqlite:///{folder}/{new_id('db')}.db", "memory://"
        return
    with postgresql_server() as database, redis_server() as (redis, _):
        yield fresh_database(database, "outbox"), redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--servers", action="store_true")
    chosen = parser.parse_args()
    sizes, bad = [], False
    for count, kills in ((chosen.events // 100, 0), (chosen.events, 0), (chosen.events, chosen.kills)):
        with tempfile.TemporaryDirectory() as name, places(chosen.servers, Path(name)) as (url, bus):
            asyncio.run(filled(url, count))
            seen = Path(name) / "seen"
            seconds, most, killed = drained(url, bus, seen, kills)
            lost, again, early = judged(seen, count)
        sizes.append(most)
        grown = most - sizes[0]
        bad |= bool(lost or early) or grown > GROWTH_BYTES
        print(f"{count} events, {killed} kills: {seconds:.0f} s, {lost} lost, {again} seen again, {early} out of order, "
              f"{most / 2**20:.0f} MiB at most, {grown / 2**20:+.0f} MiB", flush=True)  # fmt: skip
    sys.exit(bad)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(publisher(sys.argv[2], sys.argv[3], Path(sys.argv[4])))
    else:
        main()
