"""A new key for 100,000 row keys while rows are read: how long, how many reads fail, and whether it goes on after kill -9.

    python -m bench.security.rotation [--rows 100000] [--postgresql] [--work DIR]

The rotation runs in a process of its own, as `voiceagent encryption rotate` does; this one reads conversations meanwhile and checks each word. The first
rotation runs to its end; the second is killed by SIGKILL again and again, each time a little later, until a run ends by itself.
Ends with 1 when a read failed, a row is under an old key, or the first rotation took more than 60 s beside the 6 s that it waits for other processes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from tests.support.servers import postgresql_at

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.apps.custody.rotation import KNOWN_EVERYWHERE_S, rotate
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import Tenant
from voiceagent.kit.clock import SystemClock

TENANT = "ten_bench"
TURNS = 100
"""Of a conversation."""
BOUND_S = 60.0


def opened(folder: Path, url: str) -> tuple[SqlStore, KeyRing]:
    ring = open_blobs(f"file://{folder}/ring")
    keys = open_keys(f"file://{folder}/root.key", ring=ring, clock=SystemClock())
    return open_store(url, keys=keys), keys


def asked(conversation: int, number: int) -> str:
    return f"question {number} of conversation {conversation}"


async def fill(store: SqlStore, count: int) -> None:
    await store.migrate()
    now = datetime.now(UTC)
    await store.directory.add_tenant(Tenant(TENANT, TENANT, now))
    for at in range(count // TURNS):
        async with store.begin(TENANT) as work:
            await work.conversations.add(Conversation(f"conv_{at}", "default", "usr_1", "voice", now, now, "title"))
            for number in range(TURNS - 1):  # and the conversation itself
                turn_id = f"turn_{at:06}_{number:03}"
                words = asked(at, number)
                await work.conversations.put_turn(Turn(turn_id, f"conv_{at}", words, words, words, "answered", now))


class Reader:
    """Reads whole conversations at random, and looks at each word."""

    def __init__(self, store: SqlStore, conversations: int) -> None:
        self._store = store
        self._conversations = conversations
        self.reads = 0
        self.failures: list[str] = []
        self.slowest_s = 0.0

    async def run(self) -> None:
        chance = random.Random(7)
        while True:
            at = chance.randrange(self._conversations)
            begun = time.perf_counter()
            try:
                async with self._store.begin(TENANT, read_only=True) as work:
                    found = [turn.asked for turn in await work.conversations.turns(f"conv_{at}", last=TURNS)]
                if found != [asked(at, number) for number in range(TURNS - 1)]:
                    self.failures.append(f"conv_{at}: {len(found)} turns")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                self.failures.append(repr(error)[:200])
            self.slowest_s = max(self.slowest_s, time.perf_counter() - begun)
            self.reads += 1
            await asyncio.sleep(0.01)


async def child(folder: Path, url: str) -> None:
    store, keys = opened(folder, url)

    async def waited(seconds: float) -> None:
        await asyncio.sleep(seconds)
        print("begins", flush=True)

    begun = time.perf_counter()
    count = await rotate(store, (), keys, TENANT, wait=waited)
    print(f"{count} {time.perf_counter() - begun:.2f}", flush=True)
    await store.close()


async def started(folder: Path, url: str) -> asyncio.subprocess.Process:
    arguments = ("-m", "bench.security.rotation", "--child", str(folder), url)
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)


async def killed(process: asyncio.subprocess.Process, after_s: float) -> bool:
    """Whether it was, so many seconds after it began to rewrap."""
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        await asyncio.wait_for(process.wait(), after_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        return True
    return False


async def under(url: str) -> dict[str, int]:
    """How many row keys are under which tenant key."""
    engine = create_async_engine(
        url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    )
    found: dict[str, int] = {}
    async with engine.connect() as connection:
        for table in ("turns", "conversations"):
            sql = f"SELECT substr(row_key, 1, 30), count(*) FROM {table} GROUP BY 1"
            for name, count in (await connection.execute(text(sql))).all():
                found[name] = found.get(name, 0) + count
    await engine.dispose()
    return found


async def measured(name: str, folder: Path, url: str, count: int) -> bool:
    store, keys = opened(folder, url)
    begun = time.perf_counter()
    await fill(store, count)
    print(f"{name}: {count} row keys under {len(await under(url))} key, filled in {time.perf_counter() - begun:.0f} s")
    reader = Reader(store, count // TURNS)
    reading = asyncio.create_task(reader.run())
    process = await started(folder, url)
    told, _ = await process.communicate()
    moved, took = told.decode().split()[-2:]
    took_s = float(took) - KNOWN_EVERYWHERE_S
    left = await under(url)
    print(
        f"{name}: {moved} row keys put under a new key in {took_s:.1f} s, beside the {KNOWN_EVERYWHERE_S:.0f} s of waiting"
    )
    whole = len(left) == 1 and process.returncode == 0
    kills = 0
    while await killed(await started(folder, url), took_s * (0.15 + 0.25 * kills)):
        kills += 1
        print(f"{name}: killed, row keys under each key: {sorted((await under(url)).values())}")
    await asyncio.sleep(KNOWN_EVERYWHERE_S)
    left, known = await under(url), (await keys.of(TENANT)).keys
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    print(
        f"{name}: after {kills} kills {sum(left.values())} row keys are under {len(left)} key; keys in the ring: {len(known)}"
    )
    print(
        f"{name}: {reader.reads} conversations read meanwhile, {len(reader.failures)} reads failed, slowest {reader.slowest_s:.2f} s"
    )
    for failure in reader.failures[:5]:
        print("   ", failure)
    await store.close()
    await keys.close()
    return whole and len(left) == 1 and len(known) == 1 and not reader.failures and took_s <= BOUND_S


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(child(Path(sys.argv[2]), sys.argv[3]))
        return
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--postgresql", action="store_true")
    options.add_argument("--work", type=Path)
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.work)))
        folder.chmod(0o755)
        beside = folder / "postgresql"
        beside.mkdir()
        beside.chmod(0o777)  # the server runs as a user of its own
        url = f"sqlite:///{folder}/rows.db"
        if chosen.postgresql:
            url = stack.enter_context(postgresql_at(beside / "server"))
        good = asyncio.run(measured("PostgreSQL" if chosen.postgresql else "SQLite", folder, url, chosen.rows))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
