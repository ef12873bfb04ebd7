"""Nothing that people say, write, upload or keep secret lies on the disk in the clear, and the same look finds it where nothing is sealed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from bench.security.disk_scan import run

KINDS = {"said", "talked in words", "document", "file name", "title", "e-mail", "provider's key"}


@pytest.mark.timeout(900)
def test_no_canary_lies_on_the_disk_after_kill_and_after_an_orderly_end(tmp_path: Path) -> None:
    load = argparse.Namespace(documents=1, chats=1, calls=1)
    assert not run(tmp_path / "sealed", load, sealed=True)
    control = run(tmp_path / "open", load, sealed=False)
    assert {kind for kind, _ in control} == KINDS
