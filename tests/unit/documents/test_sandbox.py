"""The sandbox on the event loop that the servers run on, and what it says of a file when its time is over."""

from __future__ import annotations

import pytest
import uvloop
from tests.support.documents_kit import pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.reading.forks import Child
from voiceagent.documents.sandbox import ParseFailed, ReaderStarved, Sandbox

_ENDLESS = b"<p>A word and another one.</p>" * 200_000


def test_a_file_is_read_on_the_loop_of_the_servers() -> None:
    async def text() -> str:
        read = await Sandbox(ocr="").read(pieces(b"Lighthouses stand on cliffs."), FORMATS["txt"])
        return str(read)

    assert "Lighthouses" in uvloop.run(text())
    assert "Lighthouses" in uvloop.run(text())  # the fork server outlives the loop that first asked it


@pytest.mark.parametrize(("used_s", "failure"), [(0.0, ReaderStarved), (0.5, ParseFailed)])
async def test_only_a_reader_without_its_share_of_a_processor_says_nothing_about_the_file(
    monkeypatch: pytest.MonkeyPatch, used_s: float, failure: type[ParseFailed]
) -> None:
    end = Child.end

    async def told(self: Child) -> tuple[int, float]:
        return (await end(self))[0], used_s

    monkeypatch.setattr(Child, "end", told)
    with pytest.raises(ParseFailed) as caught:  # no file is read as fast as that
        await Sandbox(ocr="", limits=Limits(wall_s=0.001)).read(pieces(_ENDLESS), FORMATS["html"])
    assert (type(caught.value), caught.value.code) == (failure, "time_limit")


async def test_a_file_that_uses_up_its_processor_time_is_at_fault() -> None:
    with pytest.raises(ParseFailed) as caught:
        await Sandbox(ocr="", limits=Limits(cpu_s=1)).read(pieces(_ENDLESS), FORMATS["html"])
    assert (type(caught.value), caught.value.code) == (ParseFailed, "time_limit")


def test_a_small_file_has_less_processor_time_than_a_large_one() -> None:
    limits = Limits(cpu_s=20)
    assert limits.of_file(0).cpu_s < limits.of_file(2**20).cpu_s < limits.of_file(2**30).cpu_s == 20
    assert Limits(cpu_s=1).of_file(2**30).cpu_s == 1
