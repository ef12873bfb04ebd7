"""Documents and collections whose readers left: managed by those who manage people, read by nobody who is not named, each act on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.documents_kit import COLLEAGUE, OWNER, STRANGER, DocumentsKit, documents_kit

from voiceagent.documents.access.administration import Administration
from voiceagent.documents.service import Upload
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.document import ALL, Collection, Document, SearchQuery
from voiceagent.domain.identity import ROLES, Principal, User
from voiceagent.kit.errors import InvalidInput, NotFound, Problem, Unavailable

LEAVE = "Annual leave is twenty-eight days. It is asked for in writing."
GONE = Principal("ten_a", "usr_gone", ROLES["operator"], "user")
COLUMNS = ("library_reviewed", "readers_changed", "document_deleted")


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        async with made.parts.store.begin("ten_a") as work:
            for one in (OWNER, COLLEAGUE):
                await work.users.add(
                    User(one.subject, "ten_a", f"{one.subject}@example.org", "owner", "", made.parts.clock.now())
                )
        yield made


@pytest.fixture
def managed(kit: DocumentsKit) -> Administration:
    return Administration(kit.parts)


async def found(kit: DocumentsKit, principal: Principal) -> list[str]:
    return [one.chunk.document_id for one in await kit.service.search(principal, SearchQuery("annual leave"))]


async def acts(kit: DocumentsKit) -> list[AuditEntry]:
    async with kit.parts.store.begin("ten_a") as work:
        entries = await work.audit.page(before_id=None, limit=100)
    return [one for one in reversed(entries) if one.action in COLUMNS]


async def left_behind(kit: DocumentsKit) -> Document:
    """A document that only somebody may read who has left."""
    return await kit.ready("leave.txt", LEAVE, GONE, reader_ids=frozenset({"usr_gone"}))


async def test_a_document_whose_readers_left_is_listed_without_being_read(
    kit: DocumentsKit, managed: Administration
) -> None:
    document = await left_behind(kit)
    rows = await managed.page(OWNER, before=None, limit=10, wanted=ALL)
    assert [(one.document_id, one.reader_ids) for one in rows] == [(document.document_id, frozenset({"usr_gone"}))]
    assert await found(kit, OWNER) == [] and await found(kit, GONE) == [document.document_id]
    for refused in (kit.service.get, kit.service.text, kit.service.content, kit.service.delete, kit.service.reindex):
        with pytest.raises(NotFound):
            await refused(OWNER, document.document_id)
    assert [(one.subject, one.action, one.data) for one in await acts(kit)] == [
        ("usr_owner", "library_reviewed", {"count": 1})
    ]
    assert await managed.page(STRANGER, before=None, limit=10, wanted=ALL) == (), "another organisation"


async def test_new_readers_find_it_and_those_of_before_do_not(kit: DocumentsKit, managed: Administration) -> None:
    document = await left_behind(kit)
    changed = await managed.name_readers(OWNER, document.document_id, frozenset({"usr_colleague"}))
    assert (changed.state, changed.reader_ids) == ("queued", frozenset({"usr_colleague"}))
    assert [await found(kit, one) for one in (GONE, OWNER, COLLEAGUE)] == [[], [], []], "nobody before it is indexed"
    await kit.work()
    assert [await found(kit, one) for one in (GONE, OWNER, COLLEAGUE)] == [[], [], [document.document_id]]
    assert (await kit.service.text(COLLEAGUE, document.document_id)).text.startswith("Annual leave")
    with pytest.raises(NotFound):
        await kit.service.text(OWNER, document.document_id)
    with pytest.raises(NotFound):
        await managed.name_readers(STRANGER, document.document_id, frozenset())
    with pytest.raises(InvalidInput) as refused:
        await managed.name_readers(OWNER, document.document_id, frozenset({"usr_nobody"}))
    assert refused.value.code == "unknown_reader"
    assert [(one.object_id, one.data) for one in await acts(kit)] == [
        (document.document_id, {"before": 1, "after": 1, "self_named": False})
    ]


async def test_who_names_oneself_reads_and_that_is_on_record(kit: DocumentsKit, managed: Administration) -> None:
    document = await left_behind(kit)
    await managed.name_readers(OWNER, document.document_id, frozenset({"usr_gone", "usr_owner"}))
    await kit.work()
    assert [await found(kit, one) for one in (GONE, OWNER)] == [[document.document_id]] * 2
    assert (await acts(kit))[-1].data == {"before": 1, "after": 2, "self_named": True}


async def test_a_document_whose_readers_left_is_deleted_with_every_copy(
    kit: DocumentsKit, managed: Administration
) -> None:
    document = await left_behind(kit)
    with pytest.raises(NotFound):
        await managed.delete(STRANGER, document.document_id)
    await managed.delete(OWNER, document.document_id)
    assert await found(kit, GONE) == []
    assert [name async for name in kit.parts.blobs.names("ten_a/")] == []
    assert [(one.action, one.data) for one in await acts(kit)] == [
        ("document_deleted", {"version": 1, "by": "administrator"})
    ]


async def test_a_collection_whose_readers_left_is_given_others(kit: DocumentsKit, managed: Administration) -> None:
    now = kit.parts.clock.now()
    closed = Collection("col_board", "Board", now, frozenset({"usr_gone"}))
    await kit.service.put_collection(GONE, closed, is_new=True)
    document = await kit.ready("leave.txt", LEAVE, GONE, collection_id="col_board")
    assert "col_board" not in {one.collection_id for one in await kit.service.collections(OWNER)}
    assert closed in await managed.collections(OWNER)
    changed = await managed.name_readers_of_collection(OWNER, "col_board", frozenset({"usr_colleague"}))
    assert changed == replace(closed, reader_ids=frozenset({"usr_colleague"}))
    assert [await found(kit, one) for one in (GONE, OWNER, COLLEAGUE)] == [[], [], [document.document_id]]
    with pytest.raises(NotFound):
        await managed.name_readers_of_collection(STRANGER, "col_board", frozenset())
    assert [one.action for one in await acts(kit)] == ["library_reviewed", "readers_changed"]


async def test_readers_changed_while_it_is_read_are_the_ones_it_is_indexed_under(
    kit: DocumentsKit, managed: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await kit.add("leave.txt", LEAVE, GONE, reader_ids=frozenset({"usr_gone"}))
    put, seen = kit.parts.vectors.put, []

    async def between(*told: object) -> None:
        """As late as can be: the rights were looked at, and the chunks are about to stand in the index under those of before."""
        if not seen:
            seen.append(await managed.name_readers(OWNER, document.document_id, frozenset({"usr_colleague"})))
        await put(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(kit.parts.vectors, "put", between)
    assert await kit.worker.run_one()
    assert [await found(kit, one) for one in (GONE, OWNER, COLLEAGUE)] == [[], [], []]
    await kit.work()
    assert [await found(kit, one) for one in (GONE, OWNER, COLLEAGUE)] == [[], [], [document.document_id]]
    kept = await kit.service.get(COLLEAGUE, document.document_id)
    assert (kept.state, kept.reader_ids) == ("ready", frozenset({"usr_colleague"}))


async def test_a_document_moved_while_it_is_read_is_not_found_under_the_rights_of_before(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Collection("col_board", "Board", kit.parts.clock.now(), frozenset({"usr_owner"}))
    await kit.service.put_collection(OWNER, board, is_new=True)
    document = await kit.add("leave.txt", LEAVE)
    read, put, indexed = kit.parts.sandbox.read, kit.parts.vectors.put, []

    async def told(*told: object) -> None:
        indexed.append(told)
        await put(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(kit.parts.vectors, "put", told)

    async def slowly(*told: object, **options: object) -> object:
        parsed = await read(*told, **options)  # type: ignore[arg-type]
        await kit.service.move(OWNER, document.document_id, "col_board")
        return parsed

    monkeypatch.setattr(kit.parts.sandbox, "read", slowly)
    assert await kit.worker.run_one()
    assert indexed == [], "not even for a moment"
    assert [await found(kit, one) for one in (OWNER, COLLEAGUE)] == [[], []]
    monkeypatch.setattr(kit.parts.sandbox, "read", read)
    await kit.work()
    assert [await found(kit, one) for one in (OWNER, COLLEAGUE)] == [[document.document_id], []]


@pytest.mark.parametrize("change", ["move", "name_readers"])
async def test_a_job_that_is_quicker_than_the_index_is_not_undone(
    kit: DocumentsKit, managed: Administration, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    board = Collection("col_board", "Board", kit.parts.clock.now(), frozenset({"usr_owner"}))
    await kit.service.put_collection(OWNER, board, is_new=True)
    document = await kit.ready("leave.txt", LEAVE)
    delete = kit.parts.vectors.delete

    async def slowly(tenant_id: str, document_id: str) -> None:
        monkeypatch.setattr(kit.parts.vectors, "delete", delete)
        await kit.work()
        await delete(tenant_id, document_id)

    monkeypatch.setattr(kit.parts.vectors, "delete", slowly)
    if change == "move":
        await kit.service.move(OWNER, document.document_id, "col_board")
    else:
        await managed.name_readers(OWNER, document.document_id, frozenset({"usr_owner"}))
    await kit.work()
    assert [await found(kit, one) for one in (OWNER, COLLEAGUE)] == [[document.document_id], []]


async def test_a_new_version_keeps_the_readers_that_were_named_while_it_came_in(
    kit: DocumentsKit, managed: Administration
) -> None:
    document = await kit.ready("leave.txt", LEAVE, reader_ids=frozenset({"usr_owner", "usr_colleague"}))

    class Named:
        """Blobs that take so long that the readers are changed meanwhile."""

        def __getattr__(self, name: str) -> object:
            return getattr(kit.parts.blobs, name)

        async def put(self, name: str, data: AsyncIterator[bytes]) -> None:
            await managed.name_readers(OWNER, document.document_id, frozenset({"usr_owner"}))
            await kit.parts.blobs.put(name, data)

    slow = type(kit.service)(replace(kit.parts, blobs=Named()))  # type: ignore[arg-type]

    async def words() -> AsyncIterator[bytes]:
        yield b"Annual leave is thirty days."

    await slow.add(OWNER, Upload("leave.txt", "", words(), replaces=document.document_id))
    await kit.work()
    assert (await kit.service.get(OWNER, document.document_id)).reader_ids == frozenset({"usr_owner"})
    assert await found(kit, COLLEAGUE) == []


async def test_with_the_index_away_the_readers_are_changed_and_the_caller_is_told(
    kit: DocumentsKit, managed: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await left_behind(kit)

    async def away(*_: object) -> bool:
        raise Unavailable("vectors_unavailable", "no server")

    with monkeypatch.context() as broken:
        broken.setattr(kit.parts.vectors, "delete", away)
        with pytest.raises(Problem) as told:
            await managed.name_readers(OWNER, document.document_id, frozenset({"usr_colleague"}))
    assert told.value.code == "vectors_unavailable"
    await kit.work()
    assert [await found(kit, one) for one in (GONE, COLLEAGUE)] == [[], [document.document_id]], "its job saw to it"
