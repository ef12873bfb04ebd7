"""Power cuts under load, on a file system that forgets what was not synced, with the control that must lose data.

    python bench/durability/power_cut.py [--rounds 30] [--seconds 2]

Prints for SQLite and PostgreSQL: rounds, what was acknowledged, lost, doubled; cuts are plain, with torn pages, with lost renames.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.servers import postgresql_at  # noqa: E402

from bench.durability.history import Verdict, judged, prepared  # noqa: E402
from voiceagent.adapters.store.sql import open_store  # noqa: E402

HERE = Path(__file__).parent
MOUNT_S = START_S = 120.0
CUTS = (("plain", 0, 0), ("torn pages", 1, 0), ("torn pages, lost renames", 1, 1))


class Disk:
    """A lossy file system on a folder. The folder is the disk after the cut."""

    def __init__(self, folder: Path) -> None:
        self.disk, self.mount = folder / "disk", folder / "mount"
        for path in (self.disk, self.mount):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        self._process: subprocess.Popen[str] | None = None

    def mounted(self) -> None:
        command = [sys.executable, str(HERE / "lossy_fs.py"), str(self.disk), str(self.mount)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        deadline = time.monotonic() + MOUNT_S
        while not self.mount.is_mount():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the lossy file system does not mount")
            time.sleep(0.02)

    def cut(self, seed: int, torn: int, renames: int) -> None:
        """The power goes."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"cut {seed} {torn} {renames}\n")
        self._process.stdin.flush()
        self._process.wait(MOUNT_S)

    def gone(self) -> None:
        """After whoever worked on it was killed."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        subprocess.run(["fusermount3", "-u", "-z", str(self.mount)], check=False, capture_output=True)


@contextmanager
def writing(url: str, blobs: str, first: int, mode: str) -> Iterator[list[str]]:
    """What a writer says, from its first word on; killed at the end."""
    command = [sys.executable, str(HERE / "writer.py"), url, blobs, str(first), mode]
    told: list[str] = []
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        listener = threading.Thread(target=_listen, args=(process.stdout, told), daemon=True)
        listener.start()
        try:
            deadline = time.monotonic() + START_S
            while not told:
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(f"the writer acknowledged nothing: {said.read()[-500:]}")
                time.sleep(0.01)
            yield told
        finally:
            process.kill()
            process.wait()
            listener.join(START_S)


def _listen(lines: TextIO, told: list[str]) -> None:
    for line in lines:
        if line.endswith("\n"):
            told.append(line)


def sqlite_round(folder: Path, seconds: float, mode: str, seed: int, cut: tuple[str, int, int]) -> Verdict:
    """One cut under SQLite and files."""
    disk = Disk(folder)
    disk.mounted()
    try:
        url = f"sqlite:///{disk.mount}/voiceagent.db"
        asyncio.run(_prepared(url))
        os.sync()
        with writing(url, f"file://{disk.mount}/blobs", 1, mode) as told:
            time.sleep(seconds)
            disk.cut(seed, *cut[1:])
    finally:
        disk.gone()
    return _judged(f"sqlite:///{disk.disk}/voiceagent.db", f"file://{disk.disk}/blobs", told)


def postgresql_round(folder: Path, seconds: float, mode: str, seed: int, cut: tuple[str, int, int]) -> Verdict:
    """One cut under PostgreSQL and files; it recovers from what the disk has."""
    options = ["synchronous_commit=off", "wal_writer_delay=10s"] if mode == "careless" else []
    disk = Disk(folder)
    with postgresql_at(disk.disk / "data") as url:  # initdb, and the tables, before the power is at stake
        asyncio.run(_prepared(url))
    disk.mounted()
    try:
        with (
            suppress(subprocess.CalledProcessError),
            postgresql_at(disk.mount / "data", *options) as url,
            writing(url, f"file://{disk.mount}/blobs", 1, mode) as told,
        ):
            time.sleep(seconds)
            disk.cut(seed, *cut[1:])
    finally:
        disk.gone()
    with suppress(FileNotFoundError):
        (disk.disk / "data" / "postmaster.pid").unlink()
    with postgresql_at(disk.disk / "data") as url:
        return _judged(url, f"file://{disk.disk}/blobs", told)


ENGINES = {"sqlite": sqlite_round, "postgresql": postgresql_round}


async def _prepared(url: str) -> None:
    store = open_store(url)
    await prepared(store)
    await store.close()


def _judged(url: str, blobs: str, told: list[str]) -> Verdict:
    return asyncio.run(judged(url, blobs, told))


def rounds(engine: str, count: int, seconds: float, mode: str) -> Verdict:
    """So many cuts, each on a disk of its own, the kinds of cuts in turn."""
    total = Verdict()
    chance = random.Random(7)
    for number in range(count):
        with tempfile.TemporaryDirectory(prefix="va-cut-", ignore_cleanup_errors=True) as name:
            Path(name).chmod(0o755)
            cut = CUTS[number % len(CUTS)]
            verdict = ENGINES[engine](Path(name), seconds * (0.5 + chance.random()), mode, number, cut)
            print(f"  {engine:10} {mode:8} round {number + 1:3} {cut[0]:26} {verdict}", flush=True)
            total.add(verdict)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--controls", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--engine", choices=[*ENGINES], action="append")
    wanted = parser.parse_args()
    if not shutil.which("fusermount3") or not Path("/dev/fuse").exists():
        print("missing: /dev/fuse or fusermount3")
        return 2
    rows, good = [], True
    for engine in wanted.engine or ENGINES:
        for mode, count in (("careful", wanted.rounds), ("careless", wanted.controls)):
            total = rounds(engine, count, wanted.seconds, mode)
            good &= total.bad == 0 if mode == "careful" else total.lost > 0
            rows.append((engine, mode, count, total))
    print(f"{'database':12}{'':10}{'rounds':>8}{'acknowledged':>14}{'lost':>8}{'doubled':>9}{'order':>7}{'chain':>7}")
    for engine, mode, count, total in rows:
        figures = (total.acknowledged, total.lost, total.doubled, total.disordered, total.broken_chains)
        print(
            f"{engine:12}{'control' if mode == 'careless' else '':10}{count:8}{figures[0]:14}{figures[1]:8}{figures[2]:9}{figures[3]:7}{figures[4]:7}"
        )
    print("valid: nothing lost, and the control lost data" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
