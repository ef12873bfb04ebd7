"""What one organisation brings does not hold up the others, and everybody is told how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents_kit import OWNER, STRANGER, DocumentsKit, documents_kit

from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.worker import LANES
from voiceagent.domain.events import Event
from voiceagent.kit.errors import Unavailable


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


async def test_many_endless_files_of_one_organisation_leave_lanes_to_the_others(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, waiting = kit.parts.sandbox.read, asyncio.Semaphore(0)

    async def endless(data: AsyncIterator[bytes], *arguments: Any, **options: Any) -> ParsedDocument:
        whole = b"".join([piece async for piece in data])
        if b"endless" in whole:
            waiting.release()
            await asyncio.Event().wait()

        async def again() -> AsyncIterator[bytes]:
            yield whole

        return await read(again(), *arguments, **options)

    monkeypatch.setattr(kit.parts.sandbox, "read", endless)
    for number in range(LANES + 2):
        await kit.add(f"{number}.txt", f"An endless file {number}.")
    working = asyncio.ensure_future(kit.worker.run())
    for _ in range(LANES - 2):
        await waiting.acquire()
    document = await kit.add("b.txt", "An honest file of another organisation.", STRANGER)
    while (await kit.service.get(STRANGER, document.document_id)).state != "ready":
        await asyncio.sleep(0.02)
    assert waiting.locked()  # no more of the first have begun
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_worker_that_starts_takes_the_first_job_before_it_has_looked_at_all_documents(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def endless() -> None:
        looking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(kit.worker, "reconcile", endless)
    document = await kit.add("a.txt", "The ferry to the island leaves at nine.")
    working = asyncio.ensure_future(kit.worker.run())
    while (await kit.service.get(OWNER, document.document_id)).state != "ready":
        await asyncio.sleep(0.02)
    assert looking.is_set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_listeners_hear_of_a_document_that_is_given_up(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> ParsedDocument:
        raise Unavailable("sandbox_unavailable", "no processes")

    monkeypatch.setattr(kit.parts.sandbox, "read", away)
    monkeypatch.setattr("voiceagent.documents.worker._RETRY_S", (0.0,))
    monkeypatch.setattr("voiceagent.documents.worker._PATIENCE", timedelta(0))  # it was uploaded long ago
    heard: list[Event] = []

    async def listen() -> None:
        async for event in kit.parts.bus.listen(OWNER.tenant_id):
            heard.append(event)

    listening = asyncio.ensure_future(listen())
    document = await kit.add("a.txt", "Words.")
    while (await kit.service.get(OWNER, document.document_id)).state != "failed":
        await kit.worker.run_one()
    await asyncio.sleep(0)
    listening.cancel()
    told = [event for event in heard if event.kind == "document_failed"]
    assert [(event.subject_id, event.data["code"]) for event in told] == [(document.document_id, "sandbox_unavailable")]
