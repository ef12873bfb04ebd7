"""Vector stores as the openai SDK uses them: batches of files, files taken out again, filters, thresholds, other names."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.documents_kit import COLLEAGUE, OWNER, STRANGER, DocumentsKit, documents_kit

from voiceagent.adapters.store.library import SqlCollections, SqlDocuments
from voiceagent.adapters.store.sql import SqlStore
from voiceagent.documents.server import create_documents
from voiceagent.domain.document import Collection, Document
from voiceagent.domain.identity import Principal


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


@pytest.fixture
async def http(kit: DocumentsKit) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(connection: HTTPConnection) -> Principal:
        return {"stranger": STRANGER, "colleague": COLLEAGUE}.get(connection.headers.get("x-who", ""), OWNER)

    app = create_documents(kit.parts, auth=authenticate, service=kit.service)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://documents") as client:
        yield client


async def file(http: httpx.AsyncClient, name: str, text: str) -> str:
    answer = await http.post("/v1/files", files={"file": (name, text.encode(), "text/plain")})
    return str(answer.json()["id"])


async def store(http: httpx.AsyncClient, **body: Any) -> str:
    return str((await http.post("/v1/vector_stores", json=body)).json()["id"])


async def test_a_batch_of_files_is_put_in_and_followed(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    ids = [await file(http, f"{at}.txt", f"Rule {at} says that the door code is {at}.") for at in range(3)]
    into = await store(http, name="Codes")
    batch = (await http.post(f"/v1/vector_stores/{into}/file_batches", json={"file_ids": [*ids, ids[0]]})).json()
    assert (batch["object"], batch["status"]) == ("vector_store.files_batch", "in_progress")
    assert batch["file_counts"] == {"in_progress": 3, "completed": 0, "failed": 0, "cancelled": 0, "total": 3}
    await kit.work()
    place = f"/v1/vector_stores/{into}/file_batches/{batch['id']}"
    assert (await http.get(place)).json()["status"] == "completed"
    assert (await http.post(f"{place}/cancel")).json()["file_counts"]["completed"] == 3
    files = (await http.get(f"{place}/files", params={"filter": "completed"})).json()["data"]
    assert {one["id"] for one in files} == set(ids)
    assert (await http.get(f"{place}/files", params={"filter": "failed"})).json()["data"] == []
    await http.delete(f"/v1/files/{ids[0]}")
    assert (await http.get(place)).json()["file_counts"] == {
        "in_progress": 0, "completed": 2, "failed": 0, "cancelled": 1, "total": 3,
    }  # fmt: skip


async def test_a_store_of_files_that_are_not_there_is_not_made(http: httpx.AsyncClient) -> None:
    known = await file(http, "a.txt", "The door code is one.")
    before = (await http.get("/v1/vector_stores")).json()["data"]
    answer = await http.post("/v1/vector_stores", json={"name": "Half", "file_ids": [known, "doc_none"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "document_not_found")
    assert (await http.get("/v1/vector_stores")).json()["data"] == before


async def test_a_batch_is_whole_or_refused_and_belongs_to_one_store_and_tenant(
    kit: DocumentsKit, http: httpx.AsyncClient
) -> None:
    one = await file(http, "a.txt", "A text about leave.")
    await kit.work()
    into, other = await store(http), await store(http)
    refused = await http.post(
        f"/v1/vector_stores/{into}/file_batches", json={"files": [{"file_id": one}, {"file_id": "doc_none"}]}
    )
    assert refused.status_code == 404
    assert (await http.get(f"/v1/vector_stores/{into}/files")).json()["data"] == []
    for body in ({}, {"file_ids": [one], "files": [{"file_id": one}]}):
        assert (await http.post(f"/v1/vector_stores/{into}/file_batches", json=body)).status_code == 400
    batch = (await http.post(f"/v1/vector_stores/{into}/file_batches", json={"files": [{"file_id": one}]})).json()
    for path, headers in (
        (f"/v1/vector_stores/{other}/file_batches/{batch['id']}", {}),
        (f"/v1/vector_stores/{into}/file_batches/{batch['id']}", {"x-who": "stranger"}),
        (f"/v1/vector_stores/{into}/file_batches/vsfb_none/files", {}),
    ):
        answer = await http.get(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "batch_not_found")


async def test_a_file_is_taken_out_of_a_store_and_stays_a_file(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    one = await file(http, "leave.txt", "Annual leave is twenty days.")
    into = await store(http, file_ids=[one])
    await kit.work()
    content = (await http.get(f"/v1/vector_stores/{into}/files/{one}/content")).json()
    assert content["data"] == [{"type": "text", "text": "Annual leave is twenty days."}]
    gone = (await http.delete(f"/v1/vector_stores/{into}/files/{one}")).json()
    assert gone == {"id": one, "object": "vector_store.file.deleted", "deleted": True}
    await kit.work()
    assert (await http.get(f"/v1/files/{one}")).json()["status"] == "processed"
    for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/content")):
        answer = await http.request(method, f"/v1/vector_stores/{into}/files/{one}{path}")
        assert answer.status_code == 404
    assert (await http.post(f"/v1/vector_stores/{into}/search", json={"query": "leave"})).json()["data"] == []


async def test_a_store_has_another_name(http: httpx.AsyncClient) -> None:
    into = await store(http, name="Old")
    assert (await http.post(f"/v1/vector_stores/{into}", json={"name": "New", "metadata": {}})).json()["name"] == "New"
    assert (await http.get(f"/v1/vector_stores/{into}")).json()["name"] == "New"
    assert (await http.post("/v1/vector_stores/col_none", json={"name": "X"})).status_code == 404


async def test_filters_and_thresholds_hold_or_are_refused(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    english = await file(
        http, "en.txt", "The annual leave of all employees is twenty days, and they may carry it over."
    )
    german = await file(
        http,
        "de.txt",
        "Der Urlaub aller Angestellten beträgt zwanzig Tage, und sie dürfen ihn nicht übertragen. Annual leave.",
    )
    into = await store(http, file_ids=[english, german])
    await kit.work()

    async def found(**body: Any) -> list[str]:
        answer = await http.post(f"/v1/vector_stores/{into}/search", json={"query": "annual leave", **body})
        return [one["file_id"] for one in answer.json()["data"]]

    german_only = {"type": "eq", "key": "language", "value": "de"}
    assert set(await found()) == {english, german}
    assert await found(filters=german_only) == [german]
    either = {"type": "in", "key": "language", "value": ["de", "en"]}
    assert set(await found(filters=either)) == {english, german}
    nothing = {"type": "and", "filters": [german_only, {"type": "eq", "key": "kind", "value": "no such kind"}]}
    assert await found(filters=nothing) == []
    assert await found(ranking_options={"score_threshold": 1.01}) == []
    assert await found(filters={"type": "or", "filters": [german_only, german_only]}) == [german]
    assert await found(filters={"type": "nin", "key": "language", "value": ["de"]}) == [english]
    for wrong in (
        {"type": "like", "key": "year", "value": 2024},
        {"type": "gt", "key": "language", "value": True},
        {"type": "or", "filters": []},
        {"type": "eq", "key": "year"},
        {"type": "in", "key": "language", "value": []},
        {"type": "and", "filters": "x"},
        {"type": "and", "filters": [german_only] * 65 + [{"type": "ne", "key": "a", "value": 1}]},
    ):
        answer = await http.post(f"/v1/vector_stores/{into}/search", json={"query": "annual leave", "filters": wrong})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_filter")


async def test_a_search_names_the_file_and_not_its_title(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    into = await store(http, name="Codes")
    note = await file(http, "garden-note.md", "# Garden\n\nRoses are cut in March.")
    await http.post(f"/v1/vector_stores/{into}/files", json={"file_id": note})
    await kit.work()
    found = (await http.post(f"/v1/vector_stores/{into}/search", json={"query": "roses"})).json()["data"]
    assert [one["filename"] for one in found] == ["garden-note.md"]


@pytest.mark.parametrize("place", ["file", "batch", "file of a batch"])
async def test_what_callers_say_of_a_file_stays_and_narrows_a_search(
    kit: DocumentsKit, http: httpx.AsyncClient, place: str
) -> None:
    into = await store(http, name="Codes")
    told = {"topic": "roses", "year": 2024, "draft": False}
    note, other = [await file(http, f"{name}.txt", f"Roses are cut in {name}.") for name in ("March", "April")]
    where, body = {
        "file": ("files", {"file_id": note, "attributes": told}),
        "batch": ("file_batches", {"file_ids": [note], "attributes": told}),
        "file of a batch": ("file_batches", {"files": [{"file_id": note, "attributes": told}]}),
    }[place]
    assert (await http.post(f"/v1/vector_stores/{into}/{where}", json=body)).status_code == 200
    await http.post(f"/v1/vector_stores/{into}/files", json={"file_id": other, "attributes": {"year": 2020}})
    await kit.work()  # reading it keeps them
    shown = (await http.get(f"/v1/vector_stores/{into}/files/{note}")).json()["attributes"]
    assert shown == {"kind": shown["kind"], "language": "en", **told}

    async def found(filters: dict[str, Any] | None) -> set[str]:
        answer = await http.post(f"/v1/vector_stores/{into}/search", json={"query": "roses", "filters": filters})
        assert answer.status_code == 200, answer.text
        return {one["file_id"] for one in answer.json()["data"]}

    assert await found(None) == {note, other}
    assert await found({"type": "eq", "key": "topic", "value": "roses"}) == {note}
    assert await found({"type": "gte", "key": "year", "value": 2020}) == {note, other}
    recent = {"type": "gt", "key": "year", "value": 2020}
    assert await found({"type": "and", "filters": [recent, {"type": "eq", "key": "language", "value": "en"}]}) == {note}
    assert await found({"type": "and", "filters": [recent, {"type": "ne", "key": "draft", "value": False}]}) == set()
    await http.post(f"/v1/vector_stores/{into}/files/{note}", json={"attributes": {"topic": "tulips"}})
    assert await found({"type": "eq", "key": "topic", "value": "roses"}) == set()
    assert await found({"type": "in", "key": "topic", "value": ["tulips"]}) == {note}
    assert await found(recent) == set()
    await http.post(f"/v1/vector_stores/{into}/files/{note}", json={"attributes": None})
    assert (await http.get(f"/v1/vector_stores/{into}/files/{note}")).json()["attributes"].keys() == {
        "kind",
        "language",
    }


async def test_what_is_said_while_a_file_is_read_stays(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    into = await store(http, name="Codes")
    note = await file(http, "note.txt", "Roses are cut in March.")
    await http.post(f"/v1/vector_stores/{into}/files", json={"file_id": note})
    run = kit.worker._ingest.run

    async def reading(*given: Any, **more: Any) -> Any:
        ready = await run(*given, **more)
        await http.post(f"/v1/vector_stores/{into}/files/{note}", json={"attributes": {"topic": "roses"}})
        return ready

    kit.worker._ingest.run = reading  # type: ignore[method-assign]
    await kit.work()
    shown = (await http.get(f"/v1/vector_stores/{into}/files/{note}")).json()
    assert (shown["status"], shown["attributes"].get("topic")) == ("completed", "roses")


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "mine"},
        {"": "x"},
        {"k" * 65: "x"},
        {"a": "x" * 513},
        {"a": None},
        {"a": ["x"]},
        {f"k{number}": 1 for number in range(17)},
    ],
)
async def test_attributes_that_are_none_are_refused_and_nothing_is_moved(
    http: httpx.AsyncClient, told: dict[str, Any]
) -> None:
    into = await store(http, name="Codes")
    note = await file(http, "note.txt", "Roses are cut in March.")
    answer = await http.post(f"/v1/vector_stores/{into}/files", json={"file_id": note, "attributes": told})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_attributes")
    assert (await http.get(f"/v1/vector_stores/{into}/files")).json()["data"] == []


async def test_files_are_listed_page_by_page(http: httpx.AsyncClient) -> None:
    made = [await file(http, f"{number}.txt", f"Note {number}.") for number in range(5)]
    into = await store(http, file_ids=made)
    for path, place in ((f"/v1/vector_stores/{into}/files", into), ("/v1/files", None)):
        seen, after = [], ""
        for _ in range(3):
            page = (await http.get(path, params={"limit": 2, "after": after})).json()
            seen += [one["id"] for one in page["data"]]
            after = page["last_id"]
            assert page["has_more"] == (len(seen) < 5), place
        assert seen == made[::-1]
    assert (await http.get(f"/v1/vector_stores/{into}")).json()["file_counts"]["total"] == 5
    assert (await http.get("/v1/files", params={"after": "doc_none"})).status_code == 404
    none = (await http.get(f"/v1/vector_stores/{into}/files", params={"filter": "completed"})).json()
    assert (none["data"], none["has_more"]) == ([], False)


async def test_files_and_stores_are_listed_oldest_first_where_that_is_asked(http: httpx.AsyncClient) -> None:
    made = [await file(http, f"{number}.txt", f"Note {number}.") for number in range(5)]
    into = await store(http, file_ids=made)
    for path in (f"/v1/vector_stores/{into}/files", "/v1/files"):
        seen, after = [], ""
        for _ in range(3):
            page = (await http.get(path, params={"limit": 2, "after": after, "order": "asc"})).json()
            seen += [one["id"] for one in page["data"]]
            after = page["last_id"]
            assert page["has_more"] == (len(seen) < 5), path
        assert seen == made
    second = await store(http)
    stores = (await http.get("/v1/vector_stores", params={"order": "asc"})).json()["data"]
    assert [one["id"] for one in stores if one["id"] != "col_default"] == [into, second]


async def test_files_are_listed_by_the_purpose_they_were_given(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    ids: dict[str, list[str]] = {"assistants": [await file(http, "none.txt", "Told nothing.")], "user_data": []}
    for number in range(4):
        purpose = ("assistants", "user_data")[number % 2]
        files = {"file": (f"{number}.txt", f"Note {number}.".encode(), "text/plain")}
        made = (await http.post("/v1/files", files=files, data={"purpose": purpose})).json()
        assert made["purpose"] == purpose
        ids[purpose].append(made["id"])
    await kit.work()  # what was told of a file stays when it is read
    for purpose, wanted in {**ids, "batch": []}.items():
        listed = (await http.get("/v1/files", params={"purpose": purpose, "order": "asc"})).json()
        assert ([one["id"] for one in listed["data"]], listed["has_more"]) == (wanted, False)
        assert {one["purpose"] for one in listed["data"]} <= {purpose}
    first = (await http.get("/v1/files", params={"purpose": "user_data", "limit": 1})).json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids["user_data"][1:], True)
    rest = (await http.get("/v1/files", params={"purpose": "user_data", "limit": 1, "after": first["last_id"]})).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids["user_data"][:1], False)


async def test_a_state_or_an_order_that_there_is_not_is_refused(http: httpx.AsyncClient) -> None:
    into = await store(http, file_ids=[await file(http, "a.txt", "Note.")])
    batch = (await http.post(f"/v1/vector_stores/{into}/file_batches", json={"file_ids": []})).json()
    refused = [
        (f"/v1/vector_stores/{into}/files", "filter", "complete"),
        (f"/v1/vector_stores/{into}/files", "order", "up"),
        ("/v1/files", "order", "up"),
        ("/v1/vector_stores", "order", "up"),
    ]
    if "id" in batch:
        refused.append((f"/v1/vector_stores/{into}/file_batches/{batch['id']}/files", "filter", "done"))
    for path, name, value in refused:
        answer = await http.get(path, params={name: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name), path
    cancelled = await http.get(f"/v1/vector_stores/{into}/files", params={"filter": "cancelled"})
    assert cancelled.json()["data"] == []


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transactions that were begun, by their tenant."""
    inner, seen = SqlStore.begin, list[str]()

    def noted(opened: SqlStore, tenant_id: str, **options: bool) -> Any:
        seen.append(tenant_id)
        return inner(opened, tenant_id, **options)

    monkeypatch.setattr(SqlStore, "begin", noted)
    return seen


async def test_the_files_of_a_search_and_of_a_batch_are_read_in_one_transaction(
    kit: DocumentsKit, http: httpx.AsyncClient, begun: list[str]
) -> None:
    made = [await file(http, f"{number}.txt", f"Roses are cut in garden {number}.") for number in range(4)]
    into = await store(http, name="Codes")
    batch = (await http.post(f"/v1/vector_stores/{into}/file_batches", json={"file_ids": made})).json()["id"]
    await kit.work()
    counts = []
    for most in (1, 4):
        begun.clear()
        asked = {"query": "roses", "max_num_results": most}
        found = (await http.post(f"/v1/vector_stores/{into}/search", json=asked)).json()["data"]
        assert len(found) == most and {one["filename"] for one in found} <= {f"{number}.txt" for number in range(4)}
        counts.append(len(begun))
    assert counts[0] == counts[1]
    begun.clear()
    assert (await http.get(f"/v1/vector_stores/{into}/file_batches/{batch}")).json()["file_counts"]["completed"] == 4
    assert len(begun) == 1


async def test_files_that_are_deleted_or_closed_to_the_caller_while_a_search_runs_are_left_out(
    kit: DocumentsKit, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, closed, stays = [await file(http, f"{name}.txt", f"Roses are cut in {name}.") for name in ("a", "b", "c")]
    into = await store(http, file_ids=[gone, closed, stays])
    await kit.work()
    search = kit.service.search

    async def overtaken(*given: Any) -> Any:
        passages = await search(*given)
        assert {one.chunk.document_id for one in passages} == {gone, closed, stays}
        async with kit.parts.store.begin("ten_a") as work:
            await work.documents.delete(gone)
            document = await work.documents.get(closed)
            await work.documents.put(replace(document, metadata={**document.metadata, "reader_ids": ["usr_other"]}))
        return passages

    monkeypatch.setattr(kit.service, "search", overtaken)
    found = (await http.post(f"/v1/vector_stores/{into}/search", json={"query": "roses"})).json()["data"]
    assert [one["file_id"] for one in found] == [stays]


async def test_stores_count_what_the_caller_may_read_and_open_no_document_for_it(
    kit: DocumentsKit, http: httpx.AsyncClient, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    into, other = await store(http, name="Codes"), await store(http, name="Others")
    sizes = {}
    for name, told in (("a", "For all."), ("bb", "For all, too."), ("c", "For me alone.")):
        readers = frozenset({OWNER.subject} if told == "For me alone." else ())
        made = await kit.add(f"{name}.txt", told, collection_id=into, reader_ids=readers)
        sizes[name] = made.size_bytes
    await kit.add("damaged.pdf", b"%PDF-1.4 broken", collection_id=other)
    await kit.work()
    inner, opened = SqlDocuments.page, list[str | None]()

    async def noted(rows: SqlDocuments, **options: Any) -> tuple[Document, ...]:
        opened.append(options["wanted"].collection_id)
        return await inner(rows, **options)

    monkeypatch.setattr(SqlDocuments, "page", noted)

    async def told(who: str) -> dict[str, tuple[dict[str, int], int]]:
        begun.clear()
        opened.clear()
        listed = (await http.get("/v1/vector_stores", headers={"x-who": who})).json()["data"]
        assert len(begun) == 3, "the collections, what is in all of them, and the documents that name readers"
        assert opened == [into]
        for one in listed:
            assert one == (await http.get(f"/v1/vector_stores/{one['id']}", headers={"x-who": who})).json()
        return {one["id"]: (one["file_counts"], one["usage_bytes"]) for one in listed}

    none = {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    for who, names in (("owner", ("a", "bb", "c")), ("colleague", ("a", "bb"))):
        counts = await told(who)
        size_bytes = sum(sizes[name] for name in names)
        assert counts[into] == ({**none, "completed": len(names), "total": len(names)}, size_bytes)
        assert counts[other] == ({**none, "failed": 1, "total": 1}, len(b"%PDF-1.4 broken"))


@pytest.mark.parametrize("change", ["open_version = NULL", "version = version + 1"])
async def test_what_the_release_before_stored_is_asked_for_its_readers(
    kit: DocumentsKit, http: httpx.AsyncClient, tmp_path: Path, change: str
) -> None:
    """It knows no open versions: it leaves none, or that of the version before, which others could read."""
    into = await store(http, name="Codes")
    for number in range(3):
        await kit.add(f"{number}.txt", f"Note {number}.", collection_id=into)
    closed = await kit.add("closed.txt", "For me alone.", collection_id=into)
    async with kit.parts.store.begin("ten_a") as work:
        named = {**closed.metadata, "reader_ids": [OWNER.subject]}
        await work.documents.put(replace(closed, metadata=named))
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        connection.execute("UPDATE documents SET open_version = 1")
        connection.execute(f"UPDATE documents SET {change} WHERE file_name IN ('closed.txt', '0.txt')")
    connection.close()
    for who, count in (("owner", 4), ("colleague", 3)):
        shown = (await http.get(f"/v1/vector_stores/{into}", headers={"x-who": who})).json()
        assert shown["file_counts"]["total"] == count


async def test_a_list_of_stores_reads_all_of_them_once_and_one_store_none(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await store(http, name=f"store {number}") for number in range(12)]
    inner, read = SqlCollections.all, []

    async def counted(collections: SqlCollections) -> tuple[Collection, ...]:
        read.append(1)
        return await inner(collections)

    monkeypatch.setattr(SqlCollections, "all", counted)
    page = (await http.get("/v1/vector_stores", params={"limit": 10})).json()
    assert [one["id"] for one in page["data"]] == made[:1:-1] and page["has_more"]
    assert len(read) == 1, "an organisation may have thousands, and a page is of a hundred"
    assert (await http.get(f"/v1/vector_stores/{made[3]}")).json()["name"] == "store 3"
    assert (await http.get(f"/v1/vector_stores/{made[3]}/files")).json()["data"] == []
    assert len(read) == 1
    for who, store_id in (("stranger", made[3]), ("owner", "col_none")):
        answer = await http.get(f"/v1/vector_stores/{store_id}", headers={"x-who": who})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "collection_not_found")


async def test_a_store_goes_and_its_files_stay_unless_only_some_may_read_it(
    kit: DocumentsKit, http: httpx.AsyncClient
) -> None:
    note, secret = (
        await file(http, "note.txt", "Roses are cut in March."),
        await file(http, "pay.txt", "Pay is secret."),
    )
    into = await store(http, name="Codes", file_ids=[note])
    assert (await http.delete(f"/v1/vector_stores/{into}")).json()["deleted"] is True
    assert (await http.get(f"/v1/vector_stores/{into}")).status_code == 404
    assert (await http.get(f"/v1/files/{note}")).status_code == 200
    body = {"name": "Few", "reader_ids": [OWNER.subject]}
    few = (await http.post("/api/v1/collections", json=body)).json()["collection_id"]
    await http.post(f"/v1/vector_stores/{few}/files", json={"file_id": secret})
    refused = await http.delete(f"/v1/vector_stores/{few}")
    assert refused.status_code == 409
    assert (await http.delete("/v1/vector_stores/col_default")).status_code == 409
    assert [one["id"] for one in (await http.get(f"/v1/vector_stores/{few}/files")).json()["data"]] == [secret]
