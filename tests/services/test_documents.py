"""The document module: the service, the worker and the server over an in-memory transport, with scripted embeddings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import structlog
from starlette.requests import HTTPConnection
from tests.support.documents_kit import (
    COLLEAGUE,
    OWNER,
    STRANGER,
    DocumentsKit,
    documents_kit,
    docx,
    paragraph,
    pdf,
    pieces,
)
from tests.support.patience import ANSWER_S

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.documents.parts import INGEST
from voiceagent.documents.server import create_documents
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import ALL, Collection, SearchQuery
from voiceagent.domain.identity import ApiKey, Principal, User
from voiceagent.kit.errors import (
    Conflict,
    InvalidInput,
    Misconfigured,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from voiceagent.ports.documents_wire import PASSAGES, SEARCH_QUERY

LEAVE = "Every employee has thirty days of annual leave. Unused days lapse in March of the following year."
STEAM = "Turbines spin in hot steam. The boiler needs water and fire."


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


async def found(kit: DocumentsKit, text: str, principal: Principal = OWNER, **options: Any) -> list[str]:
    passages = await kit.service.search(principal, SearchQuery(text, deadline_s=ANSWER_S, **options))
    return [passage.chunk.document_id for passage in passages]


# From upload to answer


async def test_an_upload_is_queued_then_read_described_and_found(kit: DocumentsKit) -> None:
    document = await kit.add("handbook.pdf", pdf(LEAVE, STEAM))
    assert (document.state, document.version, document.size_bytes > 0) == ("queued", 1, True)
    assert await kit.work() == 1
    ready = await kit.service.get(OWNER, document.document_id)
    assert (ready.state, ready.progress, ready.page_count, ready.language) == ("ready", 1.0, 2, "en")
    assert ready.word_count == len(f"{LEAVE} {STEAM}".split())
    passage = (await kit.service.search(OWNER, SearchQuery("where do turbines spin", deadline_s=ANSWER_S)))[0]
    text = (await kit.service.text(OWNER, document.document_id)).text
    assert passage.chunk.page == 2
    assert text[passage.chunk.start : passage.chunk.end] == passage.chunk.text


async def test_the_same_file_is_the_same_document(kit: DocumentsKit) -> None:
    first = await kit.ready("a.txt", LEAVE)
    second = await kit.add("a.txt", LEAVE)
    assert second == first
    assert await kit.work() == 0
    assert (await kit.add("b.txt", LEAVE)).document_id != first.document_id


async def test_a_new_version_replaces_the_old_one_and_leaves_no_copy(kit: DocumentsKit) -> None:
    first = await kit.ready("a.txt", LEAVE)
    second = await kit.ready("a.txt", STEAM, replaces=first.document_id)
    assert (second.document_id, second.version) == (first.document_id, 2)
    assert await found(kit, "annual leave", limit=1) == [first.document_id]
    assert "steam" in (await kit.service.text(OWNER, first.document_id)).text
    names = [name async for name in kit.parts.blobs.names("ten_a/")]
    assert len(names) == 2 and all(".2." in name for name in names)


async def test_a_new_version_is_read_by_those_who_read_the_one_before_unless_it_is_told(
    kit: DocumentsKit, http: httpx.AsyncClient
) -> None:
    alone = {"reader_ids": "usr_owner"}
    made = (await http.post("/api/v1/documents", files={"file": ("a.txt", LEAVE)}, data=alone)).json()
    version = {"document_id": made["document_id"]}
    again = await http.post("/api/v1/documents", files={"file": ("a.txt", STEAM)}, data=version)
    assert (again.json()["version"], again.json()["reader_ids"]) == (2, ["usr_owner"])
    await kit.work()
    assert await found(kit, "steam", COLLEAGUE) == []
    opened = await http.post("/api/v1/documents", files={"file": ("a.txt", LEAVE)}, data=version | {"reader_ids": ""})
    assert (opened.json()["version"], opened.json()["reader_ids"]) == (3, [])
    await kit.work()
    assert await found(kit, "annual leave", COLLEAGUE) == [made["document_id"]]


async def test_delete_removes_every_copy(kit: DocumentsKit) -> None:
    document = await kit.ready("a.txt", LEAVE)
    await kit.service.delete(OWNER, document.document_id)
    assert await found(kit, "annual leave") == []
    assert [name async for name in kit.parts.blobs.names("ten_a/")] == []
    with pytest.raises(NotFound):
        await kit.service.get(OWNER, document.document_id)
    with pytest.raises(NotFound):
        await kit.service.delete(OWNER, document.document_id)
    await kit.work()


async def test_a_document_deleted_before_it_is_read_stays_deleted(kit: DocumentsKit) -> None:
    document = await kit.add("a.txt", LEAVE)
    await kit.service.delete(OWNER, document.document_id)
    await kit.work()
    assert await found(kit, "annual leave") == []
    assert [name async for name in kit.parts.blobs.names("ten_a/")] == []


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.txt", b"   \n ", "no_text"),
        ("a.pdf", b"%PDF-1.4 broken", "damaged"),
        ("a.docx", docx(""), "no_text"),
        ("a.docx", b"PK\x03\x04 cut", "damaged"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_a_reason(
    kit: DocumentsKit, name: str, data: bytes, code: str
) -> None:
    document = await kit.ready(name, data)
    assert (document.state, document.failure_code) == ("failed", code)
    assert document.failure_message
    with pytest.raises(Conflict) as caught:
        await kit.service.text(OWNER, document.document_id)
    assert caught.value.code == "document_not_ready"
    again = await kit.add(name, data)
    assert (again.document_id, again.state) == (document.document_id, "queued")


@pytest.mark.parametrize(
    ("name", "media_type", "data", "error", "code"),
    [
        ("a.exe", "", b"MZ", Unsupported, "unsupported_type"),
        ("noending", "", b"text", Unsupported, "unsupported_type"),
        ("a.pdf", "", b"just text", Unsupported, "type_mismatch"),
        ("a.txt", "", b"%PDF-1.4", Unsupported, "type_mismatch"),
        ("a.txt", "application/pdf", b"text", Unsupported, "type_mismatch"),
        ("a.docx", "", b"\xd0\xcf\x11\xe0", Unsupported, "type_mismatch"),
        ("a.txt", "", b"", InvalidInput, "empty_file"),
        ("", "", b"x", InvalidInput, "bad_file_name"),
        ("a\x07.txt", "", b"x", InvalidInput, "bad_file_name"),
        ("x" * 300 + ".txt", "", b"x", InvalidInput, "bad_file_name"),
    ],
)
async def test_what_cannot_be_a_document_is_refused_at_once(
    kit: DocumentsKit, name: str, media_type: str, data: bytes, error: type[Problem], code: str
) -> None:
    with pytest.raises(error) as caught:
        await kit.service.add(OWNER, Upload(name, media_type, pieces(data)))
    assert caught.value.code == code
    assert await kit.service.page(OWNER, before=None, limit=10, wanted=ALL) == ()


async def test_a_file_over_the_limit_is_refused(kit: DocumentsKit) -> None:
    parts = replace(kit.parts, limits=replace(kit.parts.limits, file_bytes=1_000))
    with pytest.raises(TooLarge) as caught:
        await DocumentService(parts).add(OWNER, Upload("a.txt", "", pieces(b"x" * 1_001)))
    assert caught.value.code == "file_too_large"


async def test_a_path_in_the_name_is_cut_off(kit: DocumentsKit) -> None:
    assert (await kit.add("../../etc/passwd.txt", LEAVE)).file_name == "passwd.txt"
    assert (await kit.add("C:\\Users\\x\\plan.txt", STEAM)).file_name == "plan.txt"


# Rights


async def test_a_collection_is_searched_and_seen_by_its_readers_only(kit: DocumentsKit) -> None:
    now = kit.parts.clock.now()
    await kit.service.put_collection(
        OWNER, Collection("col_board", "Board", now, frozenset({"usr_owner"})), is_new=True
    )
    secret = await kit.ready("secret.txt", LEAVE, collection_id="col_board")
    assert await found(kit, "annual leave") == [secret.document_id]
    assert await found(kit, "annual leave", COLLEAGUE) == []
    with pytest.raises(NotFound) as caught:
        await found(kit, "annual leave", COLLEAGUE, collection_ids=("col_board",))
    assert caught.value.code == "collection_not_found"
    for refused in (
        kit.service.get(COLLEAGUE, secret.document_id),
        kit.service.text(COLLEAGUE, secret.document_id),
        kit.service.delete(COLLEAGUE, secret.document_id),
        kit.service.reindex(COLLEAGUE, secret.document_id),
        kit.service.delete_collection(COLLEAGUE, "col_board"),
        kit.add("mine.txt", STEAM, COLLEAGUE, collection_id="col_board"),
        kit.add("mine.txt", STEAM, COLLEAGUE, replaces=secret.document_id),
        kit.add("secret.txt", LEAVE, COLLEAGUE, collection_id="col_board"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await kit.service.page(COLLEAGUE, before=None, limit=10, wanted=ALL) == ()
    assert [one.collection_id for one in await kit.service.collections(COLLEAGUE)] == []
    await kit.service.put_collection(OWNER, Collection("col_board", "Board", now), is_new=False)
    assert await found(kit, "annual leave", COLLEAGUE) == [secret.document_id]


async def test_a_document_is_found_and_seen_by_its_readers_only(kit: DocumentsKit) -> None:
    secret = await kit.ready("secret.txt", LEAVE, reader_ids=frozenset({"usr_owner"}))
    assert await found(kit, "annual leave") == [secret.document_id]
    assert await found(kit, "annual leave", COLLEAGUE) == []
    with pytest.raises(NotFound):
        await kit.service.get(COLLEAGUE, secret.document_id)
    mine = await kit.ready("secret.txt", LEAVE, COLLEAGUE)
    assert mine.document_id != secret.document_id


async def test_nobody_is_named_a_reader_under_whose_id_nobody_calls(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    now = kit.parts.clock.now()
    key = ApiKey("key_bot", "ten_a", "", "bot", "va_bot", "a" * 64, frozenset({"documents:read"}), now)
    async with kit.parts.store.begin("ten_a") as work:
        await work.users.add(User("usr_ann", "ten_a", "ann@example.org", "viewer", "", now))
        await work.keys.add(key)
        await work.keys.add(replace(key, key_id="key_anns", user_id="usr_ann", secret_sha256="b" * 64))
        await work.keys.add(replace(key, key_id="key_old", secret_sha256="c" * 64, expires_at=now))
        await work.keys.add(replace(key, key_id="key_revoked", secret_sha256="d" * 64))
        await work.keys.revoke("key_revoked", now)
    async with kit.parts.store.begin("ten_b") as work:
        await work.users.add(User("usr_theirs", "ten_b", "their@example.org", "viewer", "", now))
    body: dict[str, object] = {"name": "Few", "reader_ids": ["usr_ann", "key_bot", "usr_owner"]}
    made = (await http.post("/api/v1/collections", json=body)).json()
    taken = await http.post("/api/v1/documents", files={"file": ("a.txt", b"Words.")}, data=body)
    assert taken.json()["reader_ids"] == ["key_bot", "usr_ann", "usr_owner"]
    for unknown in ("usr_amn", "usr_theirs", "key_anns", "key_old", "key_revoked", "erased", "ann@example.org"):
        body["reader_ids"] = ["usr_owner", unknown]
        refused = [
            await http.post("/api/v1/collections", json=body),
            await http.put(f"/api/v1/collections/{made['collection_id']}", json=body),
            await http.post("/api/v1/documents", files={"file": ("b.txt", b"Others.")}, data=body),
        ]
        told = [(one.status_code, one.json()["code"], one.json()["param"]) for one in refused]
        assert told == [(400, "unknown_reader", "reader_ids")] * 3, unknown
    assert [one["name"] for one in (await http.get("/api/v1/collections")).json()["items"]] == ["Documents", "Few"]
    async with kit.parts.store.begin("ten_a") as work:
        await work.keys.revoke("key_bot", now)
    body = {"name": "Fewer", "reader_ids": ["usr_owner", "key_bot"]}  # who was named before may be gone meanwhile
    renamed = await http.put(f"/api/v1/collections/{made['collection_id']}", json=body)
    assert renamed.json() == {**made, "name": "Fewer", "reader_ids": ["key_bot", "usr_owner"]}


async def test_tenants_never_meet(kit: DocumentsKit) -> None:
    document = await kit.ready("a.txt", LEAVE)
    assert await found(kit, "annual leave", STRANGER) == []
    for refused in (
        kit.service.get(STRANGER, document.document_id),
        kit.service.delete(STRANGER, document.document_id),
    ):
        with pytest.raises(NotFound):
            await refused
    theirs = await kit.ready("a.txt", LEAVE, STRANGER)
    await kit.service.delete(STRANGER, theirs.document_id)
    assert await found(kit, "annual leave") == [document.document_id]


async def test_a_moved_document_keeps_to_the_rights_of_its_new_place(kit: DocumentsKit) -> None:
    document = await kit.ready("a.txt", LEAVE)
    now = kit.parts.clock.now()
    await kit.service.put_collection(
        OWNER, Collection("col_board", "Board", now, frozenset({"usr_owner"})), is_new=True
    )
    await kit.service.move(OWNER, document.document_id, "col_board")
    assert await found(kit, "annual leave", COLLEAGUE) == []
    await kit.work()
    assert await found(kit, "annual leave", COLLEAGUE) == []
    assert await found(kit, "annual leave") == [document.document_id]


# Search


async def test_near_duplicates_take_one_place(kit: DocumentsKit) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        await kit.ready(name, f"{LEAVE} Signed by the head of staff on a rainy day.")
    await kit.ready("d.txt", "Leave of absence is granted by the head.")
    assert len(await found(kit, "annual leave", limit=3)) == 2


async def test_without_the_embedder_words_are_found(kit: DocumentsKit) -> None:
    document = await kit.ready("a.txt", LEAVE)
    await kit.parts.embedder.close()
    assert await found(kit, "annual leave") == [document.document_id]


async def test_a_search_keeps_its_deadline(kit: DocumentsKit) -> None:
    await kit.ready("a.txt", LEAVE)
    with pytest.raises(Problem) as caught:
        await kit.service.search(OWNER, SearchQuery("leave", deadline_s=0.0))
    assert caught.value.code == "search_deadline"


@pytest.mark.parametrize("query", [SearchQuery("x", limit=0), SearchQuery("x", limit=1_000), SearchQuery("x" * 5_000)])
async def test_a_search_beyond_the_limits_is_refused(kit: DocumentsKit, query: SearchQuery) -> None:
    with pytest.raises(InvalidInput):
        await kit.service.search(OWNER, query)


# The worker


async def test_a_worker_waits_for_a_server_that_is_away_and_spends_no_attempt(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, tries = kit.parts.vectors.put, 0

    async def away_twice(*arguments: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise Unavailable("vectors_unavailable", "away")
        await put(*arguments)

    claim, claimed = kit.parts.store.queue.claim, []

    async def counted(*arguments: Any, **options: Any) -> Any:
        job = await claim(*arguments, **options)
        claimed.extend([job.attempt] if job is not None else [])
        return job

    monkeypatch.setattr(kit.parts.store.queue, "claim", counted)
    monkeypatch.setattr(kit.parts.vectors, "put", away_twice)
    document = await kit.add("a.txt", "Waiting is work, too.")
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(kit.worker.run())
        async with asyncio.timeout(ANSWER_S):
            while (await kit.service.get(OWNER, document.document_id)).state != "ready":
                await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait({running})
    assert [one["code"] for one in logs if one["event"] == "job_parked"] == ["vectors_unavailable"]  # said once
    assert tries == 3
    assert claimed == [1]


async def test_a_part_that_fails_postpones_the_job_and_gives_up_after_the_last_attempt(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable("vectors_unavailable", "away")

    monkeypatch.setattr(kit.parts.vectors, "put", refuse)
    monkeypatch.setattr("voiceagent.documents.worker._RETRY_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("voiceagent.documents.worker._PATIENCE", timedelta(0))  # it was uploaded long ago
    document = await kit.add("a.txt", LEAVE)
    assert await kit.work() == 4
    given_up = await kit.service.get(OWNER, document.document_id)
    assert (given_up.state, given_up.failure_code) == ("failed", "vectors_unavailable")
    monkeypatch.undo()
    await kit.service.reindex(OWNER, document.document_id)
    await kit.work()
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"


@pytest.mark.parametrize("fault", [Unavailable("vectors_unavailable", "away"), Misconfigured("vectors_key", "refused")])
async def test_servers_that_are_away_or_refuse_us_cost_a_document_no_attempt(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch, fault: Problem
) -> None:
    async def refuse(*_: object) -> None:
        raise fault

    monkeypatch.setattr(kit.parts.vectors, "put", refuse)
    monkeypatch.setattr("voiceagent.documents.worker._AWAY_PAUSE", timedelta(0))
    document = await kit.add("a.txt", LEAVE)
    for _ in range(9):
        assert await kit.worker.run_one()
    assert (await kit.service.get(OWNER, document.document_id)).state == "embedding"
    monkeypatch.undo()
    assert await kit.worker.run_one()
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"


@pytest.mark.parametrize("step", ["blobs.put", "vectors.put", "documents.put", "jobs.complete"])
async def test_a_worker_that_dies_at_any_step_is_taken_over(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Dying is a CancelledError that nothing handles: no clean-up of the job runs, as after kill -9. The lease has to run out."""
    document = await kit.add("a.txt", LEAVE)
    monkeypatch.setattr("voiceagent.documents.worker.LEASE_S", 0.001)
    target = {
        "blobs.put": (type(kit.parts.blobs), "put"),
        "vectors.put": (type(kit.parts.vectors), "put"),
        "documents.put": (__import__("voiceagent.adapters.store.library", fromlist=["x"]).SqlDocuments, "put"),
        "jobs.complete": (__import__("voiceagent.adapters.store.work", fromlist=["x"]).SqlJobs, "complete"),
    }[step]

    async def die(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(*target, die)
        with pytest.raises(asyncio.CancelledError):
            await DocumentWorker(kit.parts, name="worker_doomed").run_one()
    await asyncio.sleep(0.01)
    await kit.work()
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"
    assert await found(kit, "annual leave") == [document.document_id]


async def test_another_model_takes_over_without_downtime(kit: DocumentsKit) -> None:
    document = await kit.ready("a.txt", LEAVE)
    parts = replace(kit.parts, embedder=HashedEmbedder(32, "hashed-32"))
    service, worker = DocumentService(parts), DocumentWorker(parts, name="worker_new")

    async def finds() -> bool:
        passages = await service.search(OWNER, SearchQuery("annual leave", deadline_s=ANSWER_S))
        return [passage.chunk.document_id for passage in passages] == [document.document_id]

    assert await finds()
    await worker.reconcile()
    assert (await service.get(OWNER, document.document_id)).state == "ready"
    assert await finds()
    while await worker.run_one():
        assert await finds()
    assert (await service.get(OWNER, document.document_id)).metadata["embedding_model"] == "hashed-32"
    await worker.reconcile()
    assert not await worker.run_one()
    assert await finds()


async def test_a_forgotten_document_is_revived_once_and_then_given_up(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await kit.add("a.txt", LEAVE)
    job = await kit.parts.store.queue.claim((INGEST,), worker="lost", lease_s=600)
    assert job is not None
    await kit.worker.reconcile()
    assert not await kit.worker.run_one()  # it was touched a moment ago: nobody doubts it
    monkeypatch.setattr("voiceagent.documents.worker._STALE", __import__("datetime").timedelta(0))
    await kit.worker.reconcile()
    assert await kit.work() == 1
    assert (await kit.service.get(OWNER, document.document_id)).state == "ready"


async def test_listeners_hear_that_a_document_is_ready(kit: DocumentsKit) -> None:
    heard = kit.parts.bus.listen("ten_a")
    listening = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    document = await kit.ready("a.txt", LEAVE)
    event = await asyncio.wait_for(listening, ANSWER_S)
    assert (event.kind, event.subject_id) == ("document_ready", document.document_id)


async def test_kinds_can_be_taught_by_example(kit: DocumentsKit) -> None:
    await kit.service.put_kinds(OWNER, {"recipe": ("Mix flour, sugar and eggs. Bake for thirty minutes in the oven.",)})
    document = await kit.ready(
        "cake.txt", "Mix butter, sugar and eggs with flour. Bake the cake for forty minutes in a hot oven."
    )
    assert document.kind == "recipe"
    assert document.kind_confidence > 0.3


# The server

CALLERS = {
    "owner": OWNER,
    "colleague": COLLEAGUE,
    "stranger": STRANGER,
    "talker": Principal("ten_a", "usr_t", frozenset({"talk"})),
}


async def authenticate(conn: HTTPConnection) -> Principal | None:
    offered = conn.headers.get("authorization", "").removeprefix("Bearer ")
    if offered and offered not in CALLERS:
        raise Unauthenticated("bad_token", "The access token is not valid.")
    return CALLERS.get(offered)


@pytest.fixture
async def http(kit: DocumentsKit) -> AsyncIterator[httpx.AsyncClient]:
    app = create_documents(kit.parts, auth=authenticate)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        client.headers["authorization"] = "Bearer owner"
        yield client


def as_caller(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


async def upload(http: httpx.AsyncClient, name: str, data: str | bytes, **fields: str) -> dict[str, Any]:
    raw = data.encode() if isinstance(data, str) else data
    answer = await http.post("/api/v1/documents", files={"file": (name, raw)}, data=fields)
    assert answer.status_code == 202, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_download_leads_to_the_object_store_when_that_is_asked_for_and_possible(
    kit: DocumentsKit, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = (await upload(http, "leave.txt", LEAVE))["document_id"]
    path = f"/api/v1/documents/{document_id}/content"
    assert (await http.get(f"{path}?link=true")).content == LEAVE.encode()

    async def link(name: str) -> str:
        return f"https://objects.example.org/{name}?signed"

    monkeypatch.setattr(kit.parts.blobs, "link", link, raising=False)
    answer = await http.get(f"{path}?link=true", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("https://objects.example.org/ten_a/")
    assert answer.headers["cache-control"] == "no-store"
    assert (await http.get(path)).content == LEAVE.encode()
    stranger = await http.get(f"{path}?link=true", headers=as_caller("stranger"), follow_redirects=False)
    assert stranger.status_code == 404


async def test_the_life_of_a_document_over_http(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    made = await upload(http, "leave.txt", LEAVE)
    document_id = made["document_id"]
    assert made["state"] == "queued"
    assert (await http.get(f"/api/v1/documents/{document_id}/text")).status_code == 409
    await kit.work()
    shown = (await http.get(f"/api/v1/documents/{document_id}")).json()
    assert (shown["state"], shown["title"], shown["page_count"]) == ("ready", "leave", 1)
    text = (await http.get(f"/api/v1/documents/{document_id}/text")).json()
    page = {"number": 1, "start": 0, "end": len(LEAVE), "width": 0.0, "height": 0.0}
    assert text["text"] == LEAVE and text["pages"] == [page]
    assert (await http.get(f"/api/v1/documents/{document_id}/boxes?start=0&end=5")).json()["boxes"] == []
    assert (await http.get(f"/api/v1/documents/{document_id}/text?page=2")).json()["code"] == "page_not_found"
    content = await http.get(f"/api/v1/documents/{document_id}/content")
    assert content.content == LEAVE.encode()
    assert content.headers["content-disposition"].startswith("attachment")
    passages = (await http.post("/api/v1/search", json={"query": "annual leave"})).json()["items"]
    assert (passages[0]["document_id"], passages[0]["page"], passages[0]["text"]) == (document_id, 1, LEAVE)
    listed = (await http.get("/api/v1/documents?limit=1")).json()
    assert [one["document_id"] for one in listed["items"]] == [document_id]
    older = (await http.get("/api/v1/documents", params={"before": listed["next_before"]})).json()
    assert older == {"items": [], "next_before": None, "next_before_id": None}
    for narrowed, count in (({"state": "ready"}, 1), ({"state": "failed"}, 0), ({"kind": "no such kind"}, 0)):
        assert len((await http.get("/api/v1/documents", params=narrowed)).json()["items"]) == count
    assert (await http.get("/api/v1/documents?state=burnt")).status_code == 422
    assert (await http.post(f"/api/v1/documents/{document_id}/reindex", json={})).status_code == 202
    assert (await http.delete(f"/api/v1/documents/{document_id}")).status_code == 204
    assert (await http.get(f"/api/v1/documents/{document_id}")).json()["code"] == "document_not_found"
    await kit.work()


async def test_collections_over_http(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    made = (await http.post("/api/v1/collections", json={"name": "Board", "reader_ids": ["usr_owner"]})).json()
    collection_id = made["collection_id"]
    await upload(http, "leave.txt", LEAVE, collection_id=collection_id)
    await kit.work()
    wanted = {"query": "annual leave", "collection_ids": [collection_id]}
    assert len((await http.post("/api/v1/search", json=wanted)).json()["items"]) == 1
    hidden = await http.post("/api/v1/search", json=wanted, headers=as_caller("colleague"))
    assert (hidden.status_code, hidden.json()["code"]) == (404, "collection_not_found")
    assert (await http.delete(f"/api/v1/collections/{collection_id}")).json()["code"] == "collection_not_empty"
    changed = await http.put(f"/api/v1/collections/{collection_id}", json={"name": "Everybody"})
    assert changed.json() == {**made, "name": "Everybody", "reader_ids": []}
    assert len((await http.post("/api/v1/search", json=wanted, headers=as_caller("colleague"))).json()["items"]) == 1
    assert [one["name"] for one in (await http.get("/api/v1/collections")).json()["items"]] == ["Everybody"]


async def test_kinds_over_http(http: httpx.AsyncClient) -> None:
    put = await http.put("/api/v1/documents/kinds", json={"kinds": {"recipe": ["Mix flour and eggs."]}})
    assert put.status_code == 200
    shown = (await http.get("/api/v1/documents/kinds")).json()
    assert shown["kinds"] == {"recipe": ["Mix flour and eggs."]} and "invoice" in shown["built_in"]
    for bad in ({"": ["x"]}, {"a": []}, {"a": ["  "]}, {"a": ["x" * 2_000]}):
        assert (await http.put("/api/v1/documents/kinds", json={"kinds": bad})).json()["code"] == "bad_kinds"


async def test_vector_stores_are_listed_page_by_page(http: httpx.AsyncClient) -> None:
    made = [(await http.post("/v1/vector_stores", json={"name": f"s{number}"})).json()["id"] for number in range(5)]
    told: list[str] = []
    while True:
        query = {"limit": 2} | ({"after": told[-1]} if told else {})
        page = (await http.get("/v1/vector_stores", params=query)).json()
        assert 1 <= len(page["data"]) <= 2
        told += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
    assert told == made[::-1]
    assert (await http.get("/v1/vector_stores", params={"after": "col_none"})).status_code == 404
    assert (await http.get("/v1/vector_stores", params={"limit": 0})).status_code == 400


async def test_openai_files_and_vector_stores(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    file = (
        await http.post("/v1/files", files={"file": ("leave.txt", LEAVE.encode())}, data={"purpose": "assistants"})
    ).json()
    assert (file["object"], file["bytes"], file["filename"], file["status"]) == (
        "file",
        len(LEAVE),
        "leave.txt",
        "uploaded",
    )
    store = (
        await http.post("/v1/vector_stores", json={"name": "Staff", "file_ids": [file["id"]], "expires_after": None})
    ).json()
    assert store["file_counts"] == {"in_progress": 1, "completed": 0, "failed": 0, "cancelled": 0, "total": 1}
    await kit.work()
    assert (await http.get(f"/v1/vector_stores/{store['id']}")).json()["status"] == "completed"
    assert (await http.get(f"/v1/vector_stores/{store['id']}/files/{file['id']}")).json()["status"] == "completed"
    assert (await http.get(f"/v1/files/{file['id']}")).json()["status"] == "processed"
    found = (await http.post(f"/v1/vector_stores/{store['id']}/search", json={"query": "annual leave"})).json()
    assert found["data"][0]["file_id"] == file["id"] and found["data"][0]["content"][0]["text"] == LEAVE
    assert [one["id"] for one in (await http.get("/v1/files")).json()["data"]] == [file["id"]]
    assert [one["id"] for one in (await http.get(f"/v1/vector_stores/{store['id']}/files")).json()["data"]] == [
        file["id"]
    ]
    assert (await http.get(f"/v1/files/{file['id']}/content")).content == LEAVE.encode()
    other = (await http.post("/v1/vector_stores", json={})).json()
    moved = await http.post(f"/v1/vector_stores/{other['id']}/files", json={"file_id": file["id"]})
    assert moved.json()["vector_store_id"] == other["id"]
    assert (await http.get(f"/v1/vector_stores/{store['id']}/files/{file['id']}")).json()["error"][
        "code"
    ] == "document_not_found"
    assert (await http.delete(f"/v1/vector_stores/{store['id']}")).json()["deleted"] is True
    assert store["id"] not in [one["id"] for one in (await http.get("/v1/vector_stores")).json()["data"]]
    assert (await http.delete(f"/v1/files/{file['id']}")).json() == {
        "id": file["id"],
        "object": "file",
        "deleted": True,
    }
    await kit.work()


async def test_the_engine_searches_in_the_name_of_the_caller(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    await kit.ready("a.txt", LEAVE)
    body = SEARCH_QUERY.dump_json(SearchQuery("annual leave", deadline_s=ANSWER_S))
    answer = await http.post("/internal/documents/search", content=body, headers=as_caller("talker"))
    assert PASSAGES.validate_json(answer.content)[0].chunk.text == LEAVE
    other = await http.post("/internal/documents/search", content=body, headers=as_caller("stranger"))
    assert PASSAGES.validate_json(other.content) == ()
    assert (await http.post("/internal/documents/search", content=b"{}")).json()["code"] == "bad_query"


ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/api/v1/documents", None),
    ("POST", "/api/v1/documents", None),
    ("GET", "/api/v1/documents/kinds", None),
    ("PUT", "/api/v1/documents/kinds", {"kinds": {}}),
    ("GET", "/api/v1/documents/{id}", None),
    ("GET", "/api/v1/documents/{id}/text", None),
    ("GET", "/api/v1/documents/{id}/content", None),
    ("POST", "/api/v1/documents/{id}/reindex", {}),
    ("DELETE", "/api/v1/documents/{id}", None),
    ("GET", "/api/v1/collections", None),
    ("POST", "/api/v1/collections", {"name": "x"}),
    ("PUT", "/api/v1/collections/{id}", {"name": "x"}),
    ("DELETE", "/api/v1/collections/{id}", None),
    ("POST", "/api/v1/search", {"query": "x"}),
    ("POST", "/v1/files", None),
    ("GET", "/v1/files", None),
    ("GET", "/v1/files/{id}", None),
    ("GET", "/v1/files/{id}/content", None),
    ("DELETE", "/v1/files/{id}", None),
    ("POST", "/v1/vector_stores", {}),
    ("GET", "/v1/vector_stores", None),
    ("GET", "/v1/vector_stores/{id}", None),
    ("DELETE", "/v1/vector_stores/{id}", None),
    ("POST", "/v1/vector_stores/{id}/files", {"file_id": "x"}),
    ("GET", "/v1/vector_stores/{id}/files", None),
    ("GET", "/v1/vector_stores/{id}/files/x", None),
    ("POST", "/v1/vector_stores/{id}/search", {"query": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_every_route_refuses_strangers_and_missing_scopes(
    http: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    url = path.replace("{id}", "nothing")
    assert (await http.request(method, url, json=body, headers={"authorization": ""})).status_code == 401
    assert (await http.request(method, url, json=body, headers=as_caller("talker"))).status_code == 403


@pytest.mark.parametrize(("method", "path", "body"), [route for route in ROUTES if "{id}" in route[1]])
async def test_what_does_not_exist_or_is_anothers_is_not_found(
    kit: DocumentsKit, http: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    document = await kit.add("a.txt", LEAVE)
    for known_id in ("nothing", document.document_id, "col_default"):
        url = path.replace("{id}", known_id)
        answer = await http.request(method, url, json=body, headers=as_caller("stranger"))
        assert answer.status_code == 404, (url, answer.text)
    assert (await kit.service.get(OWNER, document.document_id)).state == "queued"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/api/v1/search", {"query": ""}),
        ("/api/v1/search", {"query": "x", "limit": 0}),
        ("/api/v1/search", {"query": "x", "surprise": 1}),
        ("/api/v1/collections", {"name": ""}),
        ("/api/v1/collections", {"name": "a\nb"}),
    ],
)
async def test_an_invalid_body_is_refused(http: httpx.AsyncClient, url: str, body: dict[str, Any]) -> None:
    answer = await http.post(url, content=json.dumps(body), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_encrypted_file_asks_for_its_password(kit: DocumentsKit) -> None:
    hidden = docx(paragraph("x"))
    encrypted = bytearray(hidden)
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := encrypted.find(mark, at + 1)) >= 0:
            encrypted[at + flag] |= 1
    document = await kit.ready("a.docx", bytes(encrypted))
    assert document.failure_code == "password_needed"


async def test_a_quote_is_found_on_its_page(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    data = pdf("Introduction to the plant.", "The boiler needs\nwater every hour.")
    document_id = (await upload(http, "plant.pdf", data))["document_id"]
    await kit.work()
    found = (await http.post("/api/v1/search", json={"query": "boiler water", "limit": 1})).json()["items"][0]
    assert [box["page"] for box in found["boxes"]][-2:] == [2, 2]
    text = (await http.get(f"/api/v1/documents/{document_id}/text")).json()["text"]
    start = text.index("water every")
    shown = (await http.get(f"/api/v1/documents/{document_id}/boxes?start={start}&end={start + 11}")).json()
    assert [(page["number"], page["width"], page["height"]) for page in shown["pages"]] == [(2, 612.0, 842.0)]
    (box,) = shown["boxes"]
    assert (box["page"], box["start"], box["end"]) == (2, start, start + 11)
    assert 59 < box["x0"] < box["x1"] < 160 and 80 < box["y0"] < box["y1"] < 120
    assert (await http.get(f"/api/v1/documents/{document_id}/boxes?start=0")).status_code == 422
