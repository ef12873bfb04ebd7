"""Erasure, measured: 1,000 canaries of 20 people in every copy, a load around them, the erasure of the people, a backup from before brought back.

    python -m bench.security.erasure [--people 20] [--plain] [--postgresql] [--work DIR]

Prints where canaries are found as bytes on disk (data folder with its write-ahead logs, log file, and with --postgresql the server's whole
folder with its WAL): after the load, after the erasure, and after the restore. --plain: without encryption at rest, so that the search for
canaries is seen to find them before, and nothing after. Restoring is a plain copy of the data folder, and of the server's folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import structlog
from tests.support.servers import postgresql_at, psql
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.apps.custody.verification import verify
from voiceagent.domain.erasure import Erasure
from voiceagent.domain.identity import Principal
from voiceagent.rights.worker import RightsWorker

OF_EACH = {"e-mail": 1, "said": 20, "answered": 15, "document": 8, "file name": 2, "recording": 4}
"""50 canaries a person."""


class Canaries:
    """Words that stand nowhere else."""

    def __init__(self) -> None:
        self.planted: dict[bytes, str] = {}

    def word(self, where: str) -> str:
        word = f"canary{secrets.token_hex(8)}"
        self.planted[word.encode()] = where
        return word

    def found(self, *folders: Path) -> Counter[tuple[str, str]]:
        """How many canaries of each kind lie in which part of the folders."""
        count: Counter[tuple[str, str]] = Counter()
        for folder in folders:
            for path in (one for one in folder.rglob("*") if one.is_file()):
                with contextlib.suppress(FileNotFoundError):
                    data = path.read_bytes().lower()
                    name = str(path.relative_to(folder)).lower().encode()
                    at = data.find(b"canary")
                    seen = set()
                    while at >= 0:
                        seen.add(data[at : at + 22])
                        at = data.find(b"canary", at + 6)
                    for word in (word for word in self.planted if word in seen or word in name):
                        count[self.planted[word], f"{folder.name}/{path.relative_to(folder).parts[0]}"] += 1
        return count


async def load(home: House, people: int, canaries: Canaries) -> list[Principal]:
    """People who talk, upload and are recorded, each with 50 canaries; and one owner who stays."""
    owner = await home.person("owner")
    await home.talks(owner, *(f"kept {number}" for number in range(200)))
    for number in range(20):
        await home.uploads(owner, f"kept document {number}", read=False)
    found = []
    for _ in range(people):
        one = await home.person(email=f"{canaries.word('e-mail')}@example.org")
        await home.talks(one, *(canaries.word("said") for _ in range(OF_EACH["said"])))
        await home.talks(one, *(f"my name is {canaries.word('answered')}" for _ in range(OF_EACH["answered"])))
        for number in range(OF_EACH["document"]):
            name = f"{canaries.word('file name')}.md" if number < OF_EACH["file name"] else None
            await home.uploads(one, f"the story of {canaries.word('document')}", read=False, name=name)
        for _ in range(OF_EACH["recording"]):
            await home.is_recorded(one, canaries.word("recording").encode() * 500)
        found.append(one)
    until_s = time.monotonic() + 300.0
    while await home.parts.store.queue.depth() and time.monotonic() < until_s:
        if not await home.worker.run_one():
            await asyncio.sleep(1.0)  # a job that failed on a busy machine is due again soon
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        states = Counter(one.state for one in await work.documents.page(before=None, limit=10_000))
    print(f"documents: {dict(states)}")
    return found


async def erase(home: House, people: list[Principal]) -> tuple[float, Counter[str]]:
    """Seconds from the first request to the last certificate, and what they count."""
    begun = time.perf_counter()
    asked = [await home.asked(one.subject) for one in people]
    worker = RightsWorker(home.rights)
    while await worker.run_one():
        pass
    seconds = time.perf_counter() - begun
    counts: Counter[str] = Counter()
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        done: list[Erasure] = [await work.erasures.get(one.erasure_id) for one in asked]
    for one in done:
        assert one.certificate is not None, one.erasure_id
        counts.update(one.counts)
    return seconds, counts


def shown(title: str, found: Counter[tuple[str, str]]) -> None:
    print(f"{title}: {sum(found.values())} places hold a canary")
    for (where, place), count in sorted(found.items()):
        print(f"    {where:10} {place:40} {count}")


async def run(work: Path, options: argparse.Namespace) -> None:
    data, log = work / "data", work / "logs" / "log.jsonl"
    log.parent.mkdir(parents=True)
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(log.open("a")))
    flags = {"keys.url": ""} if options.plain else {}
    places = (data, log.parent, work / "server") if options.postgresql else (data, log.parent)
    canaries = Canaries()
    with server(work, options) as url:
        told = flags | ({"store.url": url} if url else {})
        async with house(work, settle_s=6.0, **told) as home:
            people = await load(home, options.people, canaries)
            print(f"planted: {len(canaries.planted)} canaries of {options.people} people")
            if url:
                psql(url, "CHECKPOINT")
            shown("after the load, everything open", canaries.found(*places))
            await copied(home, url, work, data)
            seconds, counts = await erase(home, people)
            print(f"erased in {seconds:.1f} s: {dict(counts)}")
            shown("after the erasure, everything open", canaries.found(*places))
            print(f"audit log: {[report.finding for report in await verify(home.parts.store, ())]}")
    restored(work, data)
    with server(work, options) as url:
        told = flags | ({"store.url": url} if url else {})
        async with house(work, settle_s=6.0, **told) as home:
            async with home.parts.store.begin(TENANT, read_only=True) as unit:
                back = len(await unit.traces.subjects()) - 1
            print(f"restored from before: {back} people are back")
            begun = time.perf_counter()
            count = await RightsWorker(home.rights).replay()
            print(f"replayed {count} erasures in {time.perf_counter() - begun:.1f} s, before anything is served")
            async with home.parts.store.begin(TENANT, read_only=True) as unit:
                print(f"people left of those: {len(await unit.traces.subjects()) - 1}")
            shown("after restore and replay", canaries.found(*places))


@contextlib.contextmanager
def server(work: Path, options: argparse.Namespace) -> Iterator[str | None]:
    if not options.postgresql:
        yield None
        return
    folder = work / "server"
    if not folder.exists():
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
    with postgresql_at(folder / "data", "min_wal_size=32MB", "max_wal_size=64MB") as url:
        yield url


async def copied(home: House, url: str | None, work: Path, data: Path) -> None:
    """What a nightly backup would hold: a copy of the folders, the server's taken with its own tool."""
    await home.parts.store.scrub()
    shutil.copytree(data, work / "backup-data")
    if url:
        psql(url, "CHECKPOINT")
        shutil.copytree(work / "server", work / "backup-server", ignore=shutil.ignore_patterns("postmaster.pid"))


def restored(work: Path, data: Path) -> None:
    """The backup in the place of what is there; tombstones and keys stay, they are in no backup."""
    for name, place in (("backup-data", data), ("backup-server", work / "server")):
        if (work / name).exists():
            stat = place.stat()
            shutil.rmtree(place)
            (work / name).rename(place)
            for path in (
                place,
                *place.rglob("*"),
            ):  # a server refuses files of others, and a folder that others may read
                shutil.chown(path, stat.st_uid, stat.st_gid)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--people", type=int, default=20)
    options.add_argument("--plain", action="store_true")
    options.add_argument("--postgresql", action="store_true")
    options.add_argument("--work", type=Path, default=None, help="an empty folder; default: a temporary one")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="va-erasure-", dir=given.work, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        asyncio.run(run(Path(name), given))


if __name__ == "__main__":
    sys.exit(main())
