"""The sandbox on the event loop that the servers run on; that one takes fewer options for child processes than the standard one."""

from __future__ import annotations

import uvloop
from tests.support.documents_kit import pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.sandbox import Sandbox


def test_a_file_is_read_on_the_loop_of_the_servers() -> None:
    async def text() -> str:
        read = await Sandbox(ocr="").read(pieces(b"Lighthouses stand on cliffs."), FORMATS["txt"])
        return str(read)

    assert "Lighthouses" in uvloop.run(text())
