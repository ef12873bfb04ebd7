"""Workers that stop or die while they read a document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit
from tests.support.patience import ANSWER_S

from voiceagent.documents.jobs import numbers
from voiceagent.documents.jobs.lanes import Lanes
from voiceagent.documents.parts import INGEST
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.job import Job
from voiceagent.kit.telemetry import exposition
from voiceagent.ports.work import SUSPECT_LOSSES

RESTARTS = 6  # more than a document has attempts


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


@pytest.fixture
def reading(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set while a worker reads; nothing is ever read to its end until the patch is undone."""
    begun = asyncio.Event()

    async def for_ever(*_: Any) -> None:
        begun.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(kit.parts.embedder, "embed", for_ever)
    return begun


async def stopped(worker: DocumentWorker, begun: asyncio.Event) -> None:
    """Run a worker until it reads, then stop it as a drain does."""
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(ANSWER_S):
        await begun.wait()
    running.cancel()
    await asyncio.wait({running})
    begun.clear()


async def test_restarts_cost_a_document_no_attempt_and_no_time(
    kit: DocumentsKit, reading: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await kit.add("a.txt", "Turbines spin in hot steam.")
    for _ in range(RESTARTS):
        await stopped(DocumentWorker(kit.parts, poll_s=0.02), reading)
    monkeypatch.undo()
    last = await kit.parts.store.queue.claim((INGEST,), worker="w", lease_s=0)
    assert last is not None and (last.given_back, last.lost, last.tries) == (RESTARTS, 0, 1)
    assert await kit.work() == 1
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"


def test_a_worker_reads_one_suspect_at_a_time() -> None:
    def job(name: str, lost: int) -> Job:
        return Job(name, "ten_a", INGEST, name, datetime.now(UTC), lost=lost)

    lanes, suspect = Lanes(), job("a", SUSPECT_LOSSES)
    lanes.give(job("b", SUSPECT_LOSSES - 1))
    assert lanes.takes_suspects
    lanes.give(suspect)
    assert not lanes.takes_suspects
    lanes.end(suspect)
    assert lanes.takes_suspects


async def test_the_metrics_tell_what_is_open_and_how_jobs_ended(kit: DocumentsKit) -> None:
    for name in ("a.txt", "b.txt"):
        await kit.add(name, f"This is {name}.")
    counting = asyncio.create_task(numbers.counting(kit.parts.store.queue, (INGEST,)))
    async with asyncio.timeout(ANSWER_S):
        while f'voiceagent_documents_open_jobs{{kind="{INGEST}"}} 2.0'.encode() not in exposition():
            await asyncio.sleep(0.02)
    counting.cancel()
    done = f'voiceagent_documents_jobs_total{{kind="{INGEST}",outcome="done"}}'.encode()
    before = _value(done)
    assert await kit.work() == 2
    assert _value(done) == before + 2


def _value(name: bytes) -> float:
    return next((float(line.rpartition(b" ")[2]) for line in exposition().splitlines() if line.startswith(name)), 0.0)
