"""Processes killed with SIGKILL between any two steps of a document's life: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit
from tests.support.doomed import FILE
from tests.support.patience import ANSWER_S

from voiceagent.documents.sweep import Sweeper
from voiceagent.domain.document import ALL, Document, SearchQuery
from voiceagent.ports.vectors import VectorQuery

WORK = ["sandbox.read", "embedder.embed", "blobs.put", "vectors.put", "documents.put", "jobs.complete", "bus.publish"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


async def killed(tmp_path: Path, action: str, document_id: str, step: str, when: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.doomed", str(tmp_path), action, document_id, step, when,
        env=environment, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(180):
        assert await child.wait() == -signal.SIGKILL, "it came past the step"


async def documents(kit: DocumentsKit) -> list[Document]:
    return list(await kit.service.page(OWNER, before=None, limit=50, wanted=ALL))


async def names(kit: DocumentsKit) -> list[str]:
    return [name async for name in kit.parts.blobs.names("ten_a/")]


async def chunks(kit: DocumentsKit) -> list[str]:
    query = VectorQuery("annual leave", (), ("col_default",), OWNER.subject, limit=50)
    found = await kit.parts.vectors.search("ten_a", kit.parts.embedder.capabilities.model, query)
    return sorted(passage.chunk.chunk_id for passage in found)


async def assert_whole(kit: DocumentsKit, document_id: str) -> None:
    """One document, ready, with its two blobs and each chunk once; no job is left."""
    assert not await kit.worker.run_one()
    (document,) = await documents(kit)
    assert (document.document_id, document.state) == (document_id, "ready")
    found = await chunks(kit)
    assert found == sorted(f"{document_id}.{document.version}.{at}" for at in range(len(found)))
    assert len(found) == 3
    assert len(await names(kit)) == 2
    best = (await kit.service.search(OWNER, SearchQuery("annual leave", deadline_s=ANSWER_S)))[0]
    assert best.chunk.text in (FILE + b"add").decode()


@pytest.mark.parametrize("step", WORK)
async def test_a_worker_killed_before_any_step(kit: DocumentsKit, tmp_path: Path, step: str) -> None:
    """Before a step is after the one before it."""
    document = await kit.add("leave.txt", FILE)
    await killed(tmp_path, "work", document.document_id, step, "before")
    await asyncio.sleep(0.01)
    await kit.work()
    await assert_whole(kit, document.document_id)


@pytest.mark.parametrize("step", ["vectors.put", "documents.put", "blobs.delete"])
async def test_a_worker_killed_at_a_new_version(kit: DocumentsKit, tmp_path: Path, step: str) -> None:
    first = await kit.ready("leave.txt", b"The first version says twenty days of annual leave.")
    await kit.add("leave.txt", FILE, replaces=first.document_id)
    await killed(tmp_path, "work", first.document_id, step, "before")
    await asyncio.sleep(0.01)
    await kit.work()
    await Sweeper(kit.parts, grace_s=0).sweep("ten_a")
    await assert_whole(kit, first.document_id)
    assert (await kit.service.get(OWNER, first.document_id)).version == 2


@pytest.mark.parametrize("step", ["documents.put", "jobs.enqueue"])
async def test_an_upload_killed_before_it_is_acknowledged(kit: DocumentsKit, tmp_path: Path, step: str) -> None:
    """Nothing of it is seen; the upload can be made again; the bytes that lie about are swept."""
    await killed(tmp_path, "add", "-", step, "before")
    assert await documents(kit) == []
    assert not await kit.worker.run_one()
    document = await kit.ready("leave.txt", FILE)
    await Sweeper(kit.parts, grace_s=0).sweep("ten_a")
    await assert_whole(kit, document.document_id)


async def test_an_upload_killed_right_after_it_was_acknowledged(kit: DocumentsKit, tmp_path: Path) -> None:
    await killed(tmp_path, "add", "-", "commit", "after")
    (document,) = await documents(kit)
    assert await kit.work() == 1
    await assert_whole(kit, document.document_id)


@pytest.mark.parametrize("step", ["vectors.delete", "blobs.delete"])
async def test_a_delete_killed_at_any_step_is_finished(kit: DocumentsKit, tmp_path: Path, step: str) -> None:
    document = await kit.ready("leave.txt", FILE)
    await killed(tmp_path, "delete", document.document_id, step, "before")
    assert await documents(kit) == []
    await kit.work()
    assert await chunks(kit) == []
    assert await names(kit) == []


async def test_a_delete_killed_before_it_is_entered_did_not_happen(kit: DocumentsKit, tmp_path: Path) -> None:
    document = await kit.ready("leave.txt", FILE)
    await killed(tmp_path, "delete", document.document_id, "jobs.enqueue", "after")
    await assert_whole(kit, document.document_id)
