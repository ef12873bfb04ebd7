"""The index is lost whole: it is noticed, built again from the stored texts, and searches go on meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.documents_kit import COLLEAGUE, OWNER, DocumentsKit, documents_kit, parts_in
from tests.support.patience import ANSWER_S
from tests.support.servers import WEAVIATE_KEY, weaviate_server

from voiceagent.adapters.vectors.weaviate import WeaviateVectors
from voiceagent.adapters.vectors.weaviate import open_vectors as open_weaviate
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import Collection, Narrowed, SearchQuery
from voiceagent.kit.errors import Unavailable

QUESTIONS = ("annual leave", "travel days", "rule number two", "the kitchen")


@pytest.fixture(scope="module")
def own_weaviate() -> Iterator[str]:
    """Not the one of the session: it loses everything."""
    with weaviate_server() as url:
        yield url


@pytest.fixture(params=["local", "weaviate"])
async def kit(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        kit = made
        if request.param == "weaviate":
            vectors = open_weaviate(request.getfixturevalue("own_weaviate"), api_key=WEAVIATE_KEY)
            await vectors.drop("ten_a")
            parts = replace(made.parts, vectors=vectors)
            kit = DocumentsKit(parts, DocumentService(parts), DocumentWorker(parts, name="worker_weaviate"))
        collection = Collection("col_own", "Own", made.parts.clock.now())
        await kit.service.put_collection(OWNER, collection, is_new=True)
        for at in range(4):
            await kit.ready(f"{at}.txt", f"Rule number {at}: annual leave is {20 + at} days, travel days count half.")
        await kit.ready("own.txt", "The kitchen is closed on Friday.", collection_id="col_own")
        await kit.ready("mine.txt", "A note on leave that one person reads.", reader_ids=frozenset({OWNER.subject}))
        yield kit
        if request.param == "weaviate":
            await kit.parts.vectors.drop("ten_a")
            await kit.parts.vectors.close()


async def found(kit: DocumentsKit) -> dict[str, list[str]]:
    return {
        f"{question} {who.subject}": [
            one.chunk.chunk_id
            for one in await kit.service.search(who, SearchQuery(question, deadline_s=ANSWER_S, limit=10))
        ]
        for question in QUESTIONS
        for who in (OWNER, COLLEAGUE)
    }


async def lose(kit: DocumentsKit, folder: Path) -> None:
    """Everything of the index, under the running process."""
    if (folder / "vectors").exists():
        shutil.rmtree(folder / "vectors")
    if isinstance(kit.parts.vectors, WeaviateVectors):
        for name in await kit.parts.vectors._classes():
            await kit.parts.vectors._call("DELETE", f"/v1/schema/{name}")


async def test_an_index_that_was_lost_is_built_again_and_finds_the_same(kit: DocumentsKit, tmp_path: Path) -> None:
    before = await found(kit)
    assert all(len(found_) >= 4 for found_ in before.values())
    await kit.worker.reconcile()
    assert not await kit.worker.run_one()  # nothing is lost yet
    await lose(kit, tmp_path)
    assert not any((await found(kit)).values())
    await kit.worker.reconcile()
    done = 0
    while await kit.worker.run_one():
        done += 1
        await found(kit)  # searches go on, with what is there
    assert done == 6
    assert await found(kit) == before
    await kit.worker.reconcile()
    assert not await kit.worker.run_one()


async def test_the_loss_of_one_collection_leaves_the_others_alone(kit: DocumentsKit) -> None:
    before = await found(kit)
    for document in await kit.service.page(OWNER, before=None, limit=50, wanted=Narrowed("col_own")):
        await kit.parts.vectors.delete("ten_a", document.document_id)
    await kit.worker.reconcile()
    assert await kit.work() == 1
    assert await found(kit) == before


async def test_an_index_that_does_not_answer_is_not_lost(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("vectors_unavailable", "away")

    with monkeypatch.context() as patch:
        patch.setattr(kit.parts.vectors, "search", away)
        await kit.worker.reconcile()
    assert not await kit.worker.run_one()


async def test_what_is_written_after_a_loss_is_there_in_the_next_process(tmp_path: Path) -> None:
    """Not in the removed file, which the process still holds open."""
    async with documents_kit(tmp_path) as kit:
        await kit.ready("a.txt", "Annual leave is twenty days.")
        await kit.service.search(OWNER, SearchQuery("leave", deadline_s=ANSWER_S))
        shutil.rmtree(tmp_path / "vectors")
        await kit.ready("b.txt", "Travel days count half.")
    parts = parts_in(tmp_path)
    names = {
        one.title for one in await DocumentService(parts).search(OWNER, SearchQuery("travel", deadline_s=ANSWER_S))
    }
    assert names == {"b"}
    await parts.vectors.close()
    await parts.store.close()
