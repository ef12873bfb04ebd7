"""A file whose reader never had its share of the processor gets one more chance; one that is slow of itself does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit

from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.sandbox import ParseFailed, ReaderStarved


@pytest.fixture
async def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DocumentsKit]:
    monkeypatch.setattr("voiceagent.documents.worker._RETRY_S", (0.0,))
    async with documents_kit(tmp_path) as made:
        yield made


def failing(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch, *failures: ParseFailed) -> list[ParseFailed]:
    """The next readings fail so; those after them read. The failures that are left."""
    left, read = list(failures), kit.parts.sandbox.read

    async def late(*arguments: Any, **options: Any) -> ParsedDocument:
        if left:
            raise left.pop(0)
        return await read(*arguments, **options)

    monkeypatch.setattr(kit.parts.sandbox, "read", late)
    return left


@pytest.mark.parametrize(
    ("failure", "times", "state", "left"),
    [(ReaderStarved, 1, "ready", 0), (ReaderStarved, 4, "failed", 2), (ParseFailed, 2, "failed", 1)],
)
async def test_one_more_chance(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch, failure: type[ParseFailed], times: int, state: str, left: int
) -> None:
    failures = failing(kit, monkeypatch, *[failure("time_limit", "too long") for _ in range(times)])
    document = await kit.add("a.txt", "An honest file on a busy machine.")
    await kit.work()
    document = await kit.service.get(OWNER, document.document_id)
    assert (document.state, len(failures)) == (state, left)
    assert document.failure_code == (None if state == "ready" else "time_limit")
    assert not await kit.worker.run_one()
