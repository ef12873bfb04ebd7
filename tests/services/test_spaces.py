"""Another embedding model takes over: what searches use while documents move, what is new meanwhile, and when the old vectors go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit, parts_in
from tests.support.patience import ANSWER_S

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.documents.parts import DocumentParts, text_blob
from voiceagent.documents.retrieval.spaces import SPACE_SETTING
from voiceagent.documents.retrieval.warming import warm
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import ALL, SearchQuery
from voiceagent.ports.vectors import VectorQuery

OLD, NEW = "hashed-64", "hashed-32"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        for at in range(3):
            await made.ready(f"{at}.txt", f"Rule {at}: annual leave is {20 + at} days a year.")
        yield made


def moved(kit: DocumentsKit, *, with_old: bool = True) -> tuple[DocumentParts, DocumentsKit]:
    parts = replace(
        kit.parts, embedder=HashedEmbedder(32, NEW), embedder_before=HashedEmbedder(64) if with_old else None
    )
    return parts, DocumentsKit(parts, DocumentService(parts), DocumentWorker(parts, name="worker_new"))


async def searched(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The space that a search through the service uses, and how many documents it finds."""
    seen: list[str] = []
    inner = kit.parts.vectors.search

    async def spy(tenant_id: str, model: str, query: VectorQuery) -> object:
        seen.append(model)
        assert len(query.vector) == (64 if model == OLD else 32)
        return await inner(tenant_id, model, query)

    with monkeypatch.context() as patch:
        patch.setattr(kit.parts.vectors, "search", spy)
        found = await kit.service.search(OWNER, SearchQuery("annual leave", deadline_s=ANSWER_S, limit=10))
    return seen[0], len({one.chunk.document_id for one in found})


async def by_meaning(kit: DocumentsKit, space: str) -> int:
    embedder = HashedEmbedder(64) if space == OLD else HashedEmbedder(32, NEW)
    vector = (await embedder.embed(("annual leave",)))[0]
    query = VectorQuery("annual leave", vector, ("col_default",), OWNER.subject, limit=50, mode="meaning")
    return len(await kit.parts.vectors.search("ten_a", space, query))


async def test_the_old_model_is_searched_until_the_last_document_has_moved(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = moved(kit)
    assert await searched(new, monkeypatch) == (OLD, 3)  # before any worker has looked at the documents
    await new.worker.reconcile()
    for _ in range(3):
        assert await searched(new, monkeypatch) == (OLD, 3)
        assert await new.worker.run_one()
    assert await searched(new, monkeypatch) == (OLD, 3)
    await new.worker.reconcile()
    assert await searched(new, monkeypatch) == (NEW, 3)
    assert await by_meaning(new, OLD) == 3  # a search that has begun may still be at them
    await new.worker.reconcile()
    assert await by_meaning(new, OLD) == 0
    assert await by_meaning(new, NEW) == 3


async def test_the_indexes_are_open_before_the_first_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with documents_kit(tmp_path) as made:
        await made.ready("a.txt", "Annual leave is twenty days a year.")
    parts = parts_in(tmp_path)  # another process
    await warm(parts)
    loads: list[object] = []
    monkeypatch.setattr("voiceagent.adapters.vectors.local_index.VectorMatrix", lambda *told: loads.append(told))
    found = await DocumentService(parts).search(OWNER, SearchQuery("annual leave", deadline_s=ANSWER_S))
    assert found and not loads
    await parts.store.close()
    await warm(parts)  # the store is away: nothing but a line in the log
    await parts.vectors.close()


async def test_an_upload_meanwhile_is_found_by_meaning_before_and_after(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = moved(kit)
    await new.worker.reconcile()
    await new.add("late.txt", "Late rule: annual leave may be carried over.")
    await new.work()
    assert await searched(new, monkeypatch) == (OLD, 4)
    assert (await by_meaning(new, OLD), await by_meaning(new, NEW)) == (4, 4)
    await new.worker.reconcile()
    assert await searched(new, monkeypatch) == (NEW, 4)


async def test_without_the_old_model_words_find_what_has_not_moved(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = moved(kit, with_old=False)
    await new.worker.reconcile()
    assert await searched(new, monkeypatch) == (NEW, 3)


async def test_a_worker_that_dies_half_way_leaves_the_rest_to_the_next(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, new = moved(kit)
    await new.worker.reconcile()
    assert await new.worker.run_one()
    after = DocumentsKit(parts, DocumentService(parts), DocumentWorker(parts, name="worker_after"))
    await after.worker.reconcile()
    assert await searched(after, monkeypatch) == (OLD, 3)
    assert await after.work() == 2
    await after.worker.reconcile()
    assert await searched(after, monkeypatch) == (NEW, 3)


async def test_going_back_half_way_is_no_move(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    _, new = moved(kit)
    await new.worker.reconcile()
    assert await new.worker.run_one()
    await kit.worker.reconcile()
    assert await searched(kit, monkeypatch) == (OLD, 3)
    await kit.work()
    await kit.worker.reconcile()
    assert await searched(kit, monkeypatch) == (OLD, 3)


async def test_a_document_that_cannot_be_indexed_again_holds_nobody_up(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = (await kit.service.page(OWNER, before=None, limit=50, wanted=ALL))[0]
    await kit.parts.blobs.delete(text_blob("ten_a", stuck))
    async for name in kit.parts.blobs.names(f"ten_a/documents/{stuck.document_id}."):
        await kit.parts.blobs.put(name, b"\x00\x01\x02\x03 no text at all \x00" * 10)
    _, new = moved(kit)
    await new.worker.reconcile()
    await new.work()
    await new.worker.reconcile()
    assert await searched(new, monkeypatch) == (NEW, 3)  # its words are still there
    assert await by_meaning(new, NEW) == 2


async def test_a_move_reads_the_stored_text_and_no_file(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        raise AssertionError("the file was read again")

    _, new = moved(kit)
    await new.worker.reconcile()
    monkeypatch.setattr("voiceagent.documents.sandbox.Sandbox.read", never)
    assert await new.work() == 3
    async with new.parts.store.begin("ten_a", read_only=True) as work:
        await new.parts.spaces.settle(work, [NEW], moving=True)
        assert (await work.settings.get(SPACE_SETTING) or {})["searched"] == OLD
    assert await by_meaning(new, NEW) == 3
