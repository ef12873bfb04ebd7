"""Every hostile file through the whole document module, at one time with good uploads: the promises as a table.

    PYTHONPATH=. python bench/documents/hostile.py [--lanes N]

The worker runs in this process: if it died, so would the run; that its tasks still go on at the end is checked. Connections are counted at a listener
to which the files point, and by looking at the sockets of every child the whole time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import socket
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import psutil
from tests.hostile.corpus import hostile_files
from tests.hostile.test_hostile import CODES
from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit, pdf

from voiceagent.domain.document import Document
from voiceagent.kit.errors import Problem

GOOD = [pdf(*[f"Good upload {at}: a page with some words on it. " * 4] * 20) for at in range(80)]
ALONE = 10
REFUSED = {"type_mismatch", "unsupported_type", "empty_file", "file_too_large"}
HANG_S = 30.0


class Watch:
    """Looks at the sockets of all that this process has started and keeps what it has seen. A reader has one, its line to the service."""

    def __init__(self) -> None:
        self.children: set[int] = set()
        self.connections: list[str] = []

    async def run(self) -> None:
        own = psutil.Process()
        for looked in itertools.count():
            with contextlib.suppress(psutil.Error):  # one ended meanwhile
                servers = {child.pid for child in own.children()}
                for child in own.children(recursive=True):
                    is_turn = child.pid not in servers or looked % 20 == 0
                    self.children.add(child.pid)
                    if is_turn and self._sockets(child.pid) > 1:
                        self._look(child)
            await asyncio.sleep(0.05)

    def _look(self, child: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            found = child.net_connections(kind="all")
            self.connections += [
                str(one) for one in found if one.raddr or one.family in (socket.AF_INET, socket.AF_INET6)
            ]

    @staticmethod
    def _sockets(process_id: int) -> int:
        """How many the process holds; psutil's own way to tell reads tables that take 13 ms, which would be measured, too."""
        folder = f"/proc/{process_id}/fd"
        try:
            return sum(os.readlink(f"{folder}/{name}").startswith("socket:") for name in os.listdir(folder))
        except OSError:  # it ended meanwhile, or a system without /proc
            return 2


class Notices:
    """Hears when documents end, as the dashboard does; nobody asks twenty times a second."""

    def __init__(self, kit: DocumentsKit) -> None:
        self._kit = kit
        self._heard: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        async for event in self._kit.parts.bus.listen(OWNER.tenant_id):
            if event.kind in ("document_ready", "document_failed"):
                self._heard[event.subject_id].set()

    async def ended(self, document: Document, started_s: float) -> tuple[Document, float]:
        while True:
            with contextlib.suppress(TimeoutError):  # a notice may be lost
                async with asyncio.timeout(2.0):
                    await self._heard[document.document_id].wait()
            took_s = time.monotonic() - started_s
            document = await self._kit.service.get(OWNER, document.document_id)
            if document.state in ("ready", "failed"):
                return document, took_s


async def good(kit: DocumentsKit, notices: Notices, number: int) -> float:
    started_s = time.monotonic()
    document = await kit.add(f"good-{number}.pdf", GOOD[number])
    document, took_s = await notices.ended(document, started_s)
    if document.state != "ready":
        raise SystemExit(f"a good upload failed: {document.failure_code}")
    return took_s


async def run(lanes: int) -> bool:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        files = list(hostile_files(f"http://127.0.0.1:{canary.getsockname()[1]}/canary"))
        async with documents_kit(Path(folder)) as kit:
            watch, notices = Watch(), Notices(kit)
            tasks = [asyncio.ensure_future(one.run()) for one in (kit.worker, watch, notices)]
            await asyncio.sleep(0.5)
            alone = [await good(kit, notices, at) for at in range(ALONE)]
            states, codes, slow, odd = Counter[str](), Counter[str](), [], []
            longest_s = 0.0
            entry = asyncio.Semaphore(lanes)

            async def hostile(name: str, data: bytes) -> None:
                nonlocal longest_s
                async with entry:
                    started_s = time.monotonic()
                    try:
                        document, took_s = await notices.ended(await kit.add(name, data), started_s)
                    except Problem as refused:
                        states["refused at once"] += 1
                        codes[refused.code] += 1
                        if refused.code not in REFUSED:
                            odd.append((name, refused.code))
                        return
                    states[document.state] += 1
                    longest_s = max(longest_s, took_s)
                    if took_s > HANG_S:
                        slow.append((name, round(took_s, 1)))
                    if document.state == "failed":
                        codes[str(document.failure_code)] += 1
                        if document.failure_code not in CODES:
                            odd.append((name, document.failure_code))

            crowd = asyncio.gather(*(hostile(name, data) for name, data in files))
            beside: list[float] = []
            for at in range(ALONE, len(GOOD)):
                if crowd.done():
                    break
                beside.append(await good(kit, notices, at))
                await asyncio.sleep(0.3)
            await crowd
            stopped = sum(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            canary.accept()
            called = 1
        except BlockingIOError:
            called = 0
    ratio = statistics.median(beside) / statistics.median(alone)
    calls = called + len(watch.connections)
    print("| promise | measured |\n|---|---|")
    print(
        f"| at least 150 files | {len(files)} ({', '.join(f'{count} {state}' for state, count in states.most_common())}) |"
    )
    print(
        f"| 0 hangs over {HANG_S:.0f} s | {len(slow)} {slow or ''}; the longest took {longest_s:.1f} s, its wait in the queue included |"
    )
    print(
        f"| 0 restarts | {stopped}; worker process {os.getpid()} from the first to the last file, {len(watch.children)} children |"
    )
    print(f"| 0 outbound connections | {calls} {watch.connections[:3] or ''} |")
    print(
        f"| each ends with a stable code | {sum(codes.values())} of {sum(codes.values())} known"
        + (f", but {odd}" if odd else "")
        + " |"
    )
    times = (
        f"{statistics.median(alone):.2f} s alone, {statistics.median(beside):.2f} s beside them ({len(beside)} uploads)"
    )
    print(f"| a good upload under twice its time | {times}: {ratio:.2f} times |")
    print("codes: " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {lanes} hostile files at a time")
    return len(files) >= 150 and not slow and not stopped and not calls and not odd and ratio < 2.0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lanes", type=int, default=8)
    raise SystemExit(0 if asyncio.run(run(options.parse_args().lanes)) else 1)
