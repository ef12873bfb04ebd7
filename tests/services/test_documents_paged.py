"""Pages of documents, files and vector store files: nothing is lost or shown twice at an edge, whatever moment it is of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.documents_kit import COLLEAGUE, OWNER, DocumentsKit, documents_kit

from voiceagent.documents.access import rights
from voiceagent.documents.server import create_documents
from voiceagent.domain.identity import Principal

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DocumentsKit]:
    async with documents_kit(tmp_path) as made:
        yield made


@pytest.fixture
async def http(kit: DocumentsKit) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(connection: HTTPConnection) -> Principal:
        return COLLEAGUE if connection.headers.get("x-who") == "colleague" else OWNER

    app = create_documents(kit.parts, auth=authenticate, service=kit.service)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://documents") as client:
        yield client


async def of_one_moment(kit: DocumentsKit, count: int, **options: Any) -> set[str]:
    """So many documents that were created in the same microsecond."""
    made = [await kit.add(f"{number}.txt", f"Note {number}.", **options) for number in range(count)]
    async with kit.parts.store.begin("ten_a") as work:
        for one in made:
            await work.documents.put(replace(one, created_at=START))
    return {one.document_id for one in made}


async def test_documents_of_one_moment_are_all_listed_once(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    same = await of_one_moment(kit, 5)
    older = await kit.add("older.txt", "An older note.")
    async with kit.parts.store.begin("ten_a") as work:
        await work.documents.put(replace(older, created_at=START - timedelta(microseconds=1)))
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 2}
    for _ in range(4):
        page = (await http.get("/api/v1/documents", params=asked)).json()
        seen += [one["document_id"] for one in page["items"]]
        asked |= {"before": page["next_before"], "before_id": page["next_before_id"]}
    assert (set(seen[:5]), seen[5:]) == (same, [older.document_id])
    assert (page["items"], page["next_before"], page["next_before_id"]) == ([], None, None)


@pytest.mark.parametrize("moment", [START.isoformat(), START.replace(tzinfo=None).isoformat()])
async def test_a_moment_alone_still_tells_where_to_go_on(
    kit: DocumentsKit, http: httpx.AsyncClient, moment: str
) -> None:
    await of_one_moment(kit, 2)
    page = await http.get("/api/v1/documents", params={"before": moment})
    assert (page.status_code, page.json()["items"]) == (200, [])
    later = (START + timedelta(microseconds=1)).isoformat()
    assert len((await http.get("/api/v1/documents", params={"before": later})).json()["items"]) == 2


@pytest.mark.parametrize("rows", [1, 2, 200])
async def test_files_of_one_moment_are_all_listed_once(
    kit: DocumentsKit, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(rights, "_ROWS", rows)
    same = await of_one_moment(kit, 5)
    store_id = (await http.post("/v1/vector_stores", json={"file_ids": sorted(same)})).json()["id"]
    for path in ("/v1/files", f"/v1/vector_stores/{store_id}/files"):
        for limit in (2, 3, 5):
            seen: list[str] = []
            after, has_more = "", True
            while has_more:
                page = (await http.get(path, params={"limit": limit, "after": after})).json()
                seen += [one["id"] for one in page["data"]]
                after, has_more = page["last_id"], page["has_more"]
                assert len(page["data"]) <= limit and has_more == (len(seen) < 5)
            assert (len(seen), set(seen)) == (5, same)


async def test_files_are_listed_by_their_state(kit: DocumentsKit, http: httpx.AsyncClient) -> None:
    made = [await kit.add(f"{number}.txt", f"Note {number}.") for number in range(5)]
    states = ("queued", "ready", "parsing", "failed", "embedding")
    async with kit.parts.store.begin("ten_a") as work:
        for one, state in zip(made, states, strict=True):
            await work.documents.put(replace(one, state=state, created_at=START))
    ids = {state: one.document_id for one, state in zip(made, states, strict=True)}
    for told, wanted in (
        ("in_progress", {"queued", "parsing", "embedding"}),
        ("completed", {"ready"}),
        ("failed", {"failed"}),
        ("cancelled", set()),
        ("", set(states)),
    ):
        asked = {"filter": told, "limit": 3}
        seen: list[str] = []
        after, has_more = "", True
        while has_more:
            answer = await http.get("/v1/vector_stores/col_default/files", params=asked | {"after": after})
            seen += [one["id"] for one in answer.json()["data"]]
            after, has_more = seen[-1] if seen else "", answer.json()["has_more"]
        assert (len(seen), set(seen)) == (len(wanted), {ids[state] for state in wanted}), told


async def test_who_may_read_few_gets_full_pages_of_them(
    kit: DocumentsKit, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "_ROWS", 2)
    hidden = await of_one_moment(kit, 7, reader_ids=frozenset({OWNER.subject}))
    seen_by_all = {(await kit.add(f"all {number}.txt", f"For all, {number}.")).document_id for number in range(3)}
    async with kit.parts.store.begin("ten_a") as work:
        for one in seen_by_all:
            await work.documents.put(replace(await work.documents.get(one), created_at=START))
    for who, ids in (("colleague", seen_by_all), ("owner", seen_by_all | hidden)):
        page = (await http.get("/v1/files", params={"limit": len(ids)}, headers={"x-who": who})).json()
        assert ({one["id"] for one in page["data"]}, page["has_more"]) == (ids, False)


async def test_the_worker_looks_at_each_document_of_one_moment_once(
    kit: DocumentsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceagent.documents.worker._PAGE", 2)
    same = await of_one_moment(kit, 5)
    seen = [one.document_id async for one in kit.worker._documents("ten_a")]
    assert (len(seen), set(seen)) == (5, same)
