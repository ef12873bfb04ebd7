"""/api/v1/search over documents that went through the whole module: filters, rights, doubles, neighbours, and a reranker's order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.documents_kit import COLLEAGUE, OWNER, STRANGER, DocumentsKit, documents_kit
from tests.support.patience import ANSWER_S

from voiceagent.apps.privacy import masked
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.retrieval.order import Reranking
from voiceagent.documents.server import create_documents
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import Collection, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, Problem, Unavailable

CALLERS = {"owner": OWNER, "colleague": COLLEAGUE, "stranger": STRANGER}

INVOICE = (
    "Invoice number 4711. Invoice date 3 May 2024. Bill to Example Limited. The amount due for the repair of the pump is 300 euro. "
    "Payment is due within thirty days. Total 357 euro, VAT included."
)
MANUAL_DE = (
    "Bedienungsanleitung. Die Pumpe wird vor der Reparatur vom Netz getrennt. Lesen Sie die Anleitung vor dem ersten Gebrauch. "
    "Der Schalter für die Pumpe ist auf der linken Seite, und das Gerät darf nicht im Freien benutzt werden."
)
RULES = (
    "Visitors of the plant wear a helmet at all times and stay on the marked paths between the halls. "
    "The pump in the cellar may only be opened by the two trained fitters of the night shift. "
    "Anybody who finds a leak calls the control room at once and leaves the hall by the nearest door."
)
RULES_EDITED = RULES.replace("at once", "immediately").replace("nearest", "closest") + "\n"


@dataclass
class Desk:
    kit: DocumentsKit
    http: httpx.AsyncClient

    async def search(self, query: str, caller: str = "owner", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {caller}"}
        return await self.http.post("/api/v1/search", json={"query": query, **more}, headers=headers)

    async def titles(self, query: str, caller: str = "owner", **more: Any) -> list[str]:
        answer = await self.search(query, caller, **more)
        assert answer.status_code == 200, answer.text
        names = {}
        for item in answer.json()["items"]:
            names[item["document_id"]] = (await self.kit.service.get(OWNER, item["document_id"])).file_name
        return sorted(names.values())


async def authenticate(conn: HTTPConnection) -> Principal | None:
    return CALLERS.get(conn.headers.get("authorization", "").removeprefix("Bearer "))


@asynccontextmanager
async def desk_of(kit: DocumentsKit, parts: DocumentParts) -> AsyncIterator[Desk]:
    transport = httpx.ASGITransport(
        app=create_documents(parts, auth=authenticate, service=DocumentService(parts))  # type: ignore[arg-type]
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        yield Desk(kit, http)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with documents_kit(tmp_path) as kit, desk_of(kit, kit.parts) as made:
        yield made


async def test_collection_class_language_and_date_narrow_what_is_found(desk: Desk) -> None:
    await desk.kit.service.put_collection(OWNER, Collection("col_site", "Site", datetime.now(UTC)), is_new=True)
    invoice = await desk.kit.ready("invoice.txt", INVOICE)
    manual = await desk.kit.ready("manual.txt", MANUAL_DE)
    await desk.kit.ready("rules.txt", RULES, collection_id="col_site")
    everything = ["invoice.txt", "manual.txt", "rules.txt"]
    assert await desk.titles("pump Pumpe repair") == everything
    assert await desk.titles("pump Pumpe repair", collection_ids=["col_site"]) == ["rules.txt"]
    assert await desk.titles("pump Pumpe repair", collection_ids=["col_default"]) == ["invoice.txt", "manual.txt"]
    assert (manual.language, invoice.language) == ("de", "en")
    assert await desk.titles("pump Pumpe repair", languages=["de"]) == ["manual.txt"]
    assert await desk.titles("pump Pumpe repair", languages=["en"]) == ["invoice.txt", "rules.txt"]
    assert await desk.titles("pump Pumpe repair", kinds=["no such class"]) == []
    later, sooner = "2024-06-01T00:00:00Z", "2024-01-01T00:00:00Z"
    assert "invoice.txt" in await desk.titles("pump Pumpe repair", after=sooner, before=later)
    assert "invoice.txt" not in await desk.titles("pump Pumpe repair", after=later)
    assert "invoice.txt" not in await desk.titles("pump Pumpe repair", before=sooner)
    assert "invoice.txt" in await desk.titles("pump Pumpe repair", before="2024-06-01T00:00:00")


async def test_a_class_given_by_an_operator_narrows_too(desk: Desk) -> None:
    first = await desk.kit.ready("one.txt", INVOICE)
    second = await desk.kit.ready("two.txt", RULES)
    kinds = {first.kind, second.kind}
    for document in (first, second):
        found = await desk.titles("pump", kinds=[document.kind])
        assert document.file_name in found
        assert (len(found) == 1) == (len(kinds) == 2)


async def test_rights_hold_inside_the_query(desk: Desk) -> None:
    only_owner = frozenset({OWNER.subject})
    await desk.kit.service.put_collection(
        OWNER, Collection("col_private", "Private", datetime.now(UTC), only_owner), is_new=True
    )
    await desk.kit.ready("rules.txt", RULES, collection_id="col_private")
    await desk.kit.ready("invoice.txt", INVOICE, reader_ids=only_owner)
    assert await desk.titles("pump") == ["invoice.txt", "rules.txt"]
    for caller in ("colleague", "stranger"):
        assert (await desk.search("pump", caller)).json()["items"] == []
        refused = await desk.search("pump", caller, collection_ids=["col_private"])
        assert (refused.status_code, refused.json()["code"]) == (404, "collection_not_found")


async def test_the_same_text_in_several_files_is_told_once(desk: Desk) -> None:
    await desk.kit.ready("rules.txt", RULES)
    await desk.kit.ready("rules (copy).md", RULES)
    await desk.kit.ready("rules-2025.txt", RULES_EDITED)
    await desk.kit.ready("invoice.txt", INVOICE)
    items = (await desk.search("who may open the pump in the cellar", limit=5)).json()["items"]
    assert len([item for item in items if "trained fitters" in item["text"]]) == 1
    assert len(items) == 2, "the double gives its place to something else"


def long_text() -> str:
    """Pages of their own, so that each is a chunk."""
    topics = ("boilers", "turbines", "valves", "pumps", "cables", "lamps")
    return "\f".join(
        f"This page is about {topic} and nothing else in the plant. Every one of the {topic} is checked once a year by the "
        f"fitters, who write down what they find and tell the office about all {topic} that have to be replaced soon."
        for topic in topics
    )


async def test_neighbours_are_joined_and_offsets_stay_true(desk: Desk) -> None:
    document = await desk.kit.ready("plant.txt", long_text())
    text = (await desk.kit.service.text(OWNER, document.document_id)).text
    [alone] = (await desk.search("valves", limit=1)).json()["items"]
    [joined] = (await desk.search("valves", limit=1, neighbours=1)).json()["items"]
    assert "turbines" not in alone["text"]
    assert all(word in joined["text"] for word in ("turbines", "valves", "pumps"))
    assert joined["page"] == alone["page"]
    assert text[joined["start"] : joined["end"]].split() == joined["text"].split()
    assert len(joined["text"]) == joined["end"] - joined["start"]
    assert (await desk.search("valves", neighbours=5)).status_code == 422


@dataclass
class ScriptedReranker:
    """Prefers texts with `wanted`, or raises `problem`."""

    wanted: str = ""
    problem: Problem | None = None
    within_s: list[float] = field(default_factory=list)

    async def scores(self, question: str, texts: tuple[str, ...], *, within_s: float) -> tuple[float, ...]:
        self.within_s.append(within_s)
        if self.problem is not None:
            raise self.problem
        return tuple(0.9 if self.wanted in text else 0.1 for text in texts)

    async def close(self) -> None:
        return None


async def ranked(desk: Desk, reranker: ScriptedReranker, **more: Any) -> list[str]:
    parts = replace(desk.kit.parts, reranking=Reranking(reranker, 0.25))
    async with desk_of(desk.kit, parts) as with_reranker:
        items = (await with_reranker.search("the pump", **more)).json()["items"]
    return [item["text"] for item in items]


async def test_a_reranker_decides_the_order_and_is_shown_more_than_are_wanted(desk: Desk) -> None:
    await desk.kit.ready("plant.txt", long_text())
    reranker = ScriptedReranker(wanted="lamps")
    [best] = await ranked(desk, reranker, limit=1)
    assert "lamps" in best
    assert reranker.within_s == [pytest.approx(0.25)]


@pytest.mark.parametrize(
    "problem",
    [
        DeadlineExceeded("rerank_deadline", "late"),
        Unavailable("rerank_unavailable", "gone"),
        Misconfigured("rerank_credentials", "refused"),
    ],
)
async def test_without_the_rerankers_answer_the_order_stays_as_it_was(desk: Desk, problem: Problem) -> None:
    await desk.kit.ready("plant.txt", long_text())
    as_found = [item["text"] for item in (await desk.search("the pump", limit=3)).json()["items"]]
    assert await ranked(desk, ScriptedReranker(problem=problem), limit=3) == as_found


async def test_a_search_without_time_left_does_not_wait_for_the_reranker(desk: Desk) -> None:
    await desk.kit.ready("plant.txt", long_text())
    query = SearchQuery("the pump", limit=3)
    found = await desk.kit.service.search(OWNER, query)
    reranker = ScriptedReranker(wanted="lamps")
    assert await Reranking(reranker).ordered("the pump", found, left_s=0.005) == list(found)
    assert reranker.within_s == []


async def test_what_is_indexed_and_quoted_has_masks_where_that_is_wanted(tmp_path: Path) -> None:
    async with documents_kit(tmp_path) as kit:
        kit.worker = DocumentWorker(replace(kit.parts, masked=masked), name="worker_masking")
        text = "# Letter of anna@example.com\n\nThe parcel of anna@example.com came back with card 4111 1111 1111 1111."
        document = await kit.ready("letter.md", text)
        assert document.title == "Letter of anna@example.com"
        (passage,) = await kit.service.search(OWNER, SearchQuery("parcel", limit=5, deadline_s=ANSWER_S))
        assert (passage.title, passage.chunk.heading) == ("Letter of [email]", "Letter of [email]")
        assert "[card]" in passage.chunk.text and "anna" not in passage.chunk.text
