"""The sandbox on the event loop that the servers run on, and what it says of a file when its time is over."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from typing import IO

import pytest
import uvloop
from tests.support.documents_kit import pieces

from voiceagent.documents import sandbox as module
from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.sandbox import ParseFailed, ReaderStarved, Sandbox


def test_a_file_is_read_on_the_loop_of_the_servers() -> None:
    async def text() -> str:
        read = await Sandbox(ocr="").read(pieces(b"Lighthouses stand on cliffs."), FORMATS["txt"])
        return str(read)

    assert "Lighthouses" in uvloop.run(text())


async def test_a_reader_without_a_processor_says_nothing_about_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    start = module._start

    async def stopped(file: IO[bytes], name: str, options: str) -> asyncio.subprocess.Process:
        child = await start(file, name, options)
        os.kill(child.pid, signal.SIGSTOP)
        return child

    monkeypatch.setattr(module, "_start", stopped)
    with pytest.raises(ReaderStarved) as caught:
        await Sandbox(ocr="", limits=Limits(wall_s=5.0)).read(pieces(b"Honest words."), FORMATS["txt"])
    assert caught.value.code == "time_limit"


ENDLESS = """
import json, sys
from voiceagent.documents.parse import jail
from voiceagent.documents.parse.blocks import Limits
jail.enter(Limits(**json.loads(sys.argv[2])["limits"]))
while True:
    pass
"""


async def test_a_file_that_uses_up_its_processor_time_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(file: IO[bytes], name: str, options: str) -> asyncio.subprocess.Process:
        command = ("-I", "-X", "utf8", "-c", ENDLESS, name, options)
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.DEVNULL}
        return await asyncio.create_subprocess_exec(sys.executable, *command, stdin=file.fileno(), **pipes)

    monkeypatch.setattr(module, "_start", endless)
    with pytest.raises(ParseFailed) as caught:
        await Sandbox(ocr="", limits=Limits(cpu_s=1)).read(pieces(b"Honest words."), FORMATS["txt"])
    assert (type(caught.value), caught.value.code) == (ParseFailed, "time_limit")


async def test_a_file_that_is_not_read_in_time_with_a_fair_share_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cpu_used_s", lambda _: 0.2)
    with pytest.raises(ParseFailed) as caught:  # no process starts as fast as that
        await Sandbox(ocr="", limits=Limits(wall_s=0.01)).read(pieces(b"Honest words."), FORMATS["txt"])
    assert (type(caught.value), caught.value.code) == (ParseFailed, "time_limit")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="missing: Linux (/proc)")
def test_the_processor_time_of_a_process_is_told() -> None:
    before_s = time.process_time()
    told_s = module._cpu_used_s(os.getpid())
    children = os.times()
    used_s = told_s - children.children_user - children.children_system
    assert before_s - 0.1 <= used_s <= time.process_time() + 0.1
    assert module._cpu_used_s(2**22 + 1) == math.inf
