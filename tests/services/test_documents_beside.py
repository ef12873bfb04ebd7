"""What takes tenths of a second for a text of thousands of pages is done beside the loop, which carries calls and answers others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents_kit import OWNER, documents_kit

from voiceagent.documents import ingest, service


async def test_texts_are_packed_cut_and_unpacked_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, done_by = threading.current_thread(), dict[str, threading.Thread]()

    def noted(module: object, name: str) -> None:
        function: Callable[..., Any] = getattr(module, name)

        def call(*args: Any) -> Any:
            done_by[name] = threading.current_thread()
            return function(*args)

        monkeypatch.setattr(module, name, call)

    for module, name in ((ingest, "packed"), (ingest, "_entry"), (service, "unpacked")):
        noted(module, name)
    async with documents_kit(tmp_path) as kit:
        document = await kit.ready("handbook.txt", "The office opens at eight.\fIt closes at five.")
        assert (await kit.service.text(OWNER, document.document_id)).text.endswith("It closes at five.")
    assert sorted(done_by) == ["_entry", "packed", "unpacked"]
    assert loop not in done_by.values()
