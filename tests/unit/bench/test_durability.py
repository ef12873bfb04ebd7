"""bench/durability: a few rounds of each drill, and the control that must lose data."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bench.durability.history import Verdict, judged, prepared
from tests.support.servers import binary

from voiceagent.adapters.store.sql import open_store

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def power_cut():  # type: ignore[no-untyped-def]
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        pytest.skip("optional: a kernel that lets this process make file systems (/dev/fuse)")
    binary("fusermount3")
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError):
        pytest.skip("missing: libfuse")
    from bench.durability import power_cut

    return power_cut


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_power_cut_takes_nothing_that_was_acknowledged(power_cut, engine: str) -> None:  # type: ignore[no-untyped-def]
    total = power_cut.rounds(engine, 1, 0.5, "careful")
    assert total.acknowledged > 0
    assert total.bad == 0


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_drill_finds_a_store_that_does_not_sync(power_cut, engine: str) -> None:  # type: ignore[no-untyped-def]
    assert power_cut.rounds(engine, 1, 0.5, "careless").lost > 0


async def test_a_missing_turn_is_told(tmp_path: Path) -> None:
    url, blobs = f"sqlite:///{tmp_path}/voiceagent.db", f"file://{tmp_path}/blobs"
    store = open_store(url)
    await prepared(store)
    await store.close()
    told = ["turn 0_00000001\n", "doc 0_00000005\n"]
    assert await judged(url, blobs, told) == Verdict(acknowledged=2, lost=3)


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    url, blobs = f"sqlite:///{tmp_path}/voiceagent.db", f"file://{tmp_path}/blobs"

    async def ready() -> None:
        store = open_store(url)
        await prepared(store)
        await store.close()

    asyncio.run(ready())
    told: list[str] = []
    writer = Path(__file__).parents[3] / "bench" / "durability" / "writer.py"
    for first in (1, 10_000, 20_000):
        command = [sys.executable, str(writer), url, blobs, str(first), "careful"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told += [process.stdout.readline() for _ in range(40)]
        process.send_signal(signal.SIGKILL)
        told += [line for line in process.stdout if line.endswith("\n")]
        process.wait()
    verdict = asyncio.run(judged(url, blobs, told))
    assert verdict.acknowledged >= 120
    assert verdict.bad == 0
