"""The sandbox on the event loop that the servers run on, and what it says of a file when its time is over."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import IO

import pytest
import uvloop
from tests.hostile.corpus import hostile_files
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
        await Sandbox(ocr="", limits=Limits(wall_s=2.0)).read(pieces(b"Honest words."), FORMATS["txt"])
    assert caught.value.code == "time_limit"


@pytest.mark.parametrize("limits", [Limits(wall_s=4.0), Limits(cpu_s=1)])
async def test_a_file_that_uses_up_its_time_is_at_fault(limits: Limits) -> None:
    endless = dict(hostile_files("http://127.0.0.1:9"))["pdf_streams-form-calls-itself.pdf"]
    with pytest.raises(ParseFailed) as caught:
        await Sandbox(ocr="", limits=limits).read(pieces(endless), FORMATS["pdf"])
    assert (type(caught.value), caught.value.code) == (ParseFailed, "time_limit")
