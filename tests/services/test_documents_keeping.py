"""What an organisation may keep, and what is removed because no document has it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.documents_kit import OWNER, STRANGER, DocumentsKit, documents_kit, pieces
from tests.support.patience import ANSWER_S

from voiceagent.documents.parts import DocumentLimits, file_blob, text_blob
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.sweep import Sweeper
from voiceagent.domain.document import Document
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import Conflict


class Hours:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic_s(self) -> float:
        return self.now_s


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


def limited(kit: DocumentsKit, **limits: int) -> DocumentService:
    return DocumentService(replace(kit.parts, limits=DocumentLimits(**limits)))


async def add(service: DocumentService, name: str, text: str, who: Principal = OWNER, **more: str) -> Document:
    return await service.add(who, Upload(name, "", pieces(text.encode()), **more))  # type: ignore[arg-type]


async def blobs(kit: DocumentsKit, tenant: str = "ten_a") -> list[str]:
    return [name async for name in kit.parts.blobs.names(f"{tenant}/")]


async def test_an_organisation_keeps_no_more_documents_than_it_may(kit: DocumentsKit) -> None:
    service = limited(kit, documents=2)
    first = await add(service, "a.txt", "first words")
    await add(service, "b.txt", "second words")
    with pytest.raises(Conflict) as refused:
        await add(service, "c.txt", "third words")
    assert (refused.value.code, refused.value.status) == ("too_many_documents", 409)
    assert len(await blobs(kit)) == 2, "the bytes of the refused file are gone"
    await add(service, "a.txt", "first words")  # the same again is no new document
    await add(service, "a.txt", "other words", replaces=first.document_id)  # nor is a new version
    await add(service, "c.txt", "third words", STRANGER)  # another organisation has room of its own
    await service.delete(OWNER, first.document_id)
    await add(service, "c.txt", "third words")


async def test_an_organisation_keeps_no_more_bytes_than_it_may(kit: DocumentsKit) -> None:
    service = limited(kit, document_bytes=100)
    first = await add(service, "a.txt", "a" * 60)
    with pytest.raises(Conflict) as refused:
        await add(service, "b.txt", "b" * 41)
    assert refused.value.code == "document_space_used"
    await add(service, "a.txt", "c" * 100, replaces=first.document_id)  # a new version takes the place of the old one
    with pytest.raises(Conflict):
        await add(service, "b.txt", "b")


async def test_uploads_at_one_time_do_not_get_past_the_limit_together(kit: DocumentsKit) -> None:
    service = limited(kit, documents=3)
    results = await asyncio.gather(
        *(add(service, f"{at}.txt", f"words of {at}") for at in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, Document) for one in results) == 3
    assert {one.code for one in results if isinstance(one, Conflict)} == {"too_many_documents"}
    assert len(await blobs(kit)) == 3


async def test_files_without_a_document_go_after_a_while(kit: DocumentsKit) -> None:
    clock = Hours()
    sweeper = Sweeper(replace(kit.parts, clock=clock), grace_s=3_600)  # type: ignore[arg-type]
    kept = await kit.ready("kept.txt", "words that stay")
    await kit.parts.blobs.put("ten_a/documents/doc_gone.1.abc", b"left over")
    await kit.parts.blobs.put("ten_a/texts/doc_gone.1.json", b"left over")
    assert await sweeper.sweep("ten_a") == 0
    clock.now_s += 3_599
    assert await sweeper.sweep("ten_a") == 0
    clock.now_s += 1
    assert await sweeper.sweep("ten_a") == 2
    assert set(await blobs(kit)) == {file_blob("ten_a", kept), text_blob("ten_a", kept)}
    assert (await kit.service.text(OWNER, kept.document_id)).text == "words that stay"


async def test_files_of_older_versions_go_and_those_of_a_coming_one_stay(kit: DocumentsKit) -> None:
    clock = Hours()
    sweeper = Sweeper(replace(kit.parts, clock=clock), grace_s=10)  # type: ignore[arg-type]
    first = await kit.ready("a.txt", "words of the first version")
    second = await kit.ready("a.txt", "words of the second version", replaces=first.document_id)
    await kit.parts.blobs.put(file_blob("ten_a", first), b"left over")
    await kit.parts.blobs.put(file_blob("ten_a", replace(second, blob_sha256="another")), b"lost a race")
    coming = file_blob("ten_a", replace(second, version=3, blob_sha256="coming"))
    await kit.parts.blobs.put(coming, b"an upload under way")
    for _ in range(2):
        await sweeper.sweep("ten_a")
        clock.now_s += 11
    assert set(await blobs(kit)) == {file_blob("ten_a", second), text_blob("ten_a", second), coming}


async def test_an_upload_that_is_slow_to_be_entered_is_not_swept(kit: DocumentsKit) -> None:
    """Its bytes lie there before its row does: a sweep between the two, and one after both, leave them alone."""
    clock = Hours()
    sweeper = Sweeper(replace(kit.parts, clock=clock), grace_s=10)  # type: ignore[arg-type]
    stored, enter = asyncio.Event(), asyncio.Event()

    class Slow(DocumentService):
        async def _entered(self, *arguments: object) -> None:
            stored.set()
            await enter.wait()
            await super()._entered(*arguments)  # type: ignore[arg-type]

    upload = asyncio.ensure_future(add(Slow(kit.parts), "a.txt", "slow words"))
    await stored.wait()
    assert await sweeper.sweep("ten_a") == 0
    assert len(await blobs(kit)) == 1
    enter.set()
    document = await upload
    clock.now_s += 11
    assert await sweeper.sweep("ten_a") == 0
    await kit.work()
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"


async def test_the_worker_sweeps_every_organisation(kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[str] = []
    both = asyncio.Event()

    async def sweep(_self: Sweeper, tenant_id: str) -> int:
        swept.append(tenant_id)
        if len(swept) == 2:
            both.set()
        return 0

    monkeypatch.setattr(Sweeper, "sweep", sweep)
    running = asyncio.ensure_future(kit.worker.run())
    async with asyncio.timeout(ANSWER_S):
        await both.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(swept) == ["ten_a", "ten_b"]
