"""The life of a model's child process as those see it who wait for it, with children that are a few lines of Python."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from voiceagent.adapters.llm.child import Child, ModelProcess
from voiceagent.kit.errors import Unavailable

Making = Callable[[str], ModelProcess]
PATIENT_S = 60.0
REFUSES = 'print(\'{"error": "no such file: /srv/models/secret place/small.gguf"}\', flush=True)'
LISTENS = 'print(\'{"url": "http://127.0.0.1:1"}\', flush=True); sys.stdin.read()'


@pytest.fixture
async def making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Making]:
    """Makes a keeper of a child that runs these statements; `starts` in the folder gets a line a start."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made: list[ModelProcess] = []

    def make(statements: str) -> ModelProcess:
        begins = f"import sys, pathlib\nstarts = pathlib.Path({str(tmp_path / 'starts')!r})\n"
        counted = "with starts.open('a') as file: file.write('.')\nsys.stdin.readline()\n"
        (tmp_path / "a_child.py").write_text(f"{begins}{counted}{statements}\n")
        made.append(ModelProcess(Child("a_child", {}, threads=1, start_s=PATIENT_S), lambda _: None))
        return made[-1]

    yield make
    await asyncio.gather(*(one.close() for one in made))


async def test_who_waits_for_a_child_that_cannot_start_is_told_its_reason_long_before_his_time_is_over(
    making: Making, tmp_path: Path
) -> None:
    process, begun_s = making(REFUSES), time.monotonic()
    with pytest.raises(Unavailable, match=r"does not start: no such file.*small\.gguf") as told:
        await process.wait(PATIENT_S)
    assert time.monotonic() - begun_s < PATIENT_S / 2
    assert len((tmp_path / "starts").read_text()) == 2
    assert "/srv" not in told.value.message and told.value.retry_after_s == 1.0


async def test_a_child_that_starts_at_the_second_try_serves_those_who_wait(making: Making, tmp_path: Path) -> None:
    process = making(f"if len(starts.read_text()) < 2: sys.exit(1)\n{LISTENS}")
    await process.wait(PATIENT_S)
    assert process.pid is not None and len((tmp_path / "starts").read_text()) == 2


async def test_a_child_that_starts_at_last_after_many_failures_is_waited_for_again(
    making: Making, tmp_path: Path
) -> None:
    process = making(f"if len(starts.read_text()) < 3: sys.exit(1)\n{LISTENS}")
    with pytest.raises(Unavailable, match="ended without a word"):
        await process.wait(PATIENT_S)
    async with asyncio.timeout(PATIENT_S):
        while process.pid is None:
            await asyncio.sleep(0.05)
    await process.wait(PATIENT_S)


async def test_closing_ends_the_wait(making: Making) -> None:
    process = making("sys.stdin.read()")
    waiting = asyncio.create_task(process.wait(PATIENT_S))
    await asyncio.sleep(0)
    await process.close()
    with pytest.raises(Unavailable):
        async with asyncio.timeout(PATIENT_S / 2):
            await waiting
