"""/api/v1/ask over real documents, searched as an object and over HTTP: sources, refusals, and whose documents answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.documents_kit import COLLEAGUE, OWNER, STRANGER, DocumentsKit, documents_kit
from tests.support.engine_parts import ScriptedDocuments
from tests.support.patience import ANSWER_S

from voiceagent.adapters.llm.scripted import ECHO, ScriptedAnswer, ScriptedLlm
from voiceagent.adapters.services.documents_http import open_documents
from voiceagent.adapters.vectors.weaviate import open_vectors as open_weaviate
from voiceagent.documents.api import routes_library
from voiceagent.documents.server import create_documents
from voiceagent.documents.service import DocumentService
from voiceagent.domain.agent import Agent
from voiceagent.domain.document import Collection
from voiceagent.domain.identity import Principal
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.retrieve import RetrievalBudget
from voiceagent.engine.routing.router import Router
from voiceagent.engine.server import create_engine
from voiceagent.kit.errors import DeadlineExceeded, Unavailable
from voiceagent.ports.services import Documents
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

CALLERS = {
    "owner": OWNER,
    "colleague": COLLEAGUE,
    "stranger": STRANGER,
    "talker": replace(OWNER, scopes=frozenset({"talk"})),
}
HANDBOOK = (
    "The office opens at eight in the morning.\fEvery employee has thirty days of paid leave a year. "
    "Unused leave expires on 31 March of the next year."
)
QUESTION = "When does unused leave expire?"


@dataclass
class Desk:
    """kit: the documents behind the desk."""

    kit: DocumentsKit
    engine: EngineService
    http: httpx.AsyncClient

    async def ask(self, question: str, caller: str = "owner", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {caller}"}
        return await self.http.post("/api/v1/ask", json={"question": question, **more}, headers=headers)


async def authenticate(conn: HTTPConnection) -> Principal | None:
    return CALLERS.get(conn.headers.get("authorization", "").removeprefix("Bearer "))


@pytest.fixture(params=["class", "http"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with documents_kit(tmp_path) as kit:
        documents: Documents = kit.service
        servers = None
        if request.param == "http":
            tokens = ServiceTokens(TokenKeys.random())
            app = create_documents(kit.parts, auth=ServiceAuthenticator(tokens, "documents"), service=kit.service)
            servers = Servers([Listener(app, 0)], drain_s=1.0)
            await servers.start()
            documents = open_documents(
                f"http://127.0.0.1:{servers.ports[0]}", service_token=lambda caller: tokens.issue(caller, "documents")
            )
        llm = ScriptedLlm([ECHO])
        engine = EngineService(EngineParts(kit.parts.store, Router({"m": llm}), documents, grounding="extract"))
        transport = httpx.ASGITransport(app=create_engine(engine, auth=authenticate))
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            yield Desk(kit, engine, http)
        if servers is not None:
            await documents.close()  # type: ignore[attr-defined]
            await servers.stop()


async def test_an_answer_comes_with_the_place_it_comes_from(desk: Desk) -> None:
    document = await desk.kit.ready("handbook.txt", HANDBOOK)
    answer = (await desk.ask(QUESTION)).json()
    assert answer["answer"].endswith("says, on page 2: Unused leave expires on 31 March of the next year.")
    assert (answer["grounding"], answer["model"]) == ("extracted", "documents")
    [source] = answer["sources"]
    assert (source["document_id"], source["page"]) == (document.document_id, 2)
    text = (await desk.kit.service.text(OWNER, document.document_id)).text
    assert (
        text[source["start"] : source["end"]] == source["quote"] == "Unused leave expires on 31 March of the next year."
    )
    assert answer["retrieval_ms"] >= 0


async def test_what_the_documents_do_not_say_is_refused(desk: Desk) -> None:
    await desk.kit.ready("handbook.txt", HANDBOOK)
    answer = (await desk.ask("Who won the football cup in Wales?")).json()
    assert (answer["grounding"], answer["sources"]) == ("refused", [])


async def test_small_talk_is_answered_by_the_model(desk: Desk) -> None:
    await desk.kit.ready("handbook.txt", HANDBOOK)
    answer = (await desk.ask("Thank you!")).json()
    assert (answer["answer"], answer["grounding"], answer["sources"]) == ("You said: Thank you!", "", [])


async def test_documents_of_others_never_answer(desk: Desk) -> None:
    now = datetime.now(UTC)
    private = Collection("col_private", "Private", now, frozenset({OWNER.subject}))
    await desk.kit.service.put_collection(OWNER, private, is_new=True)
    await desk.kit.ready("handbook.txt", HANDBOOK, collection_id="col_private")
    await desk.kit.ready("canteen.txt", "The canteen serves soup every day at noon.", OWNER)
    await desk.kit.ready(
        "secret.txt", "Unused leave expires never, says the owner.", OWNER, reader_ids=frozenset({OWNER.subject})
    )
    assert (await desk.ask(QUESTION)).json()["grounding"] == "extracted"
    for caller in ("colleague", "stranger"):
        answer = (await desk.ask(QUESTION, caller)).json()
        assert answer["sources"] == []
        assert "31 March" not in answer["answer"]
        assert "never" not in answer["answer"]
    refused = await desk.ask(QUESTION, "colleague", collection_ids=["col_private"])
    assert (refused.status_code, refused.json()["code"]) == (404, "collection_not_found")


async def test_the_agents_collections_bound_what_is_asked(desk: Desk) -> None:
    await desk.kit.service.put_collection(OWNER, Collection("col_hr", "HR", datetime.now(UTC)), is_new=True)
    await desk.kit.ready("handbook.txt", HANDBOOK, collection_id="col_hr")
    await desk.kit.ready("canteen.txt", "The canteen serves soup every day at noon.")
    async with desk.kit.parts.store.begin("ten_a") as work:
        await work.agents.put(Agent("agent_food", "Food", collection_ids=("col_default",)))
    assert (await desk.ask(QUESTION, agent_id="agent_food")).json()["grounding"] == "refused"
    outside = await desk.ask(QUESTION, agent_id="agent_food", collection_ids=["col_hr"])
    assert (outside.status_code, outside.json()["code"]) == (404, "collection_not_found")
    assert (await desk.ask(QUESTION, collection_ids=["col_hr"])).json()["grounding"] == "extracted"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"question": ""}, 422, None),
        ({"question": "x" * 1001}, 422, None),
        ({"question": "When?", "more": 1}, 422, None),
        ({"question": "When?", "collection_ids": []}, 422, None),
        ({"question": "When does it end?", "agent_id": "agent_none"}, 404, "agent_not_found"),
    ],
)
async def test_what_cannot_be_asked_is_refused(desk: Desk, body: dict[str, Any], status: int, code: str | None) -> None:
    answer = await desk.http.post("/api/v1/ask", json=body, headers={"authorization": "Bearer owner"})
    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code


async def test_who_may_not_read_documents_may_not_ask(desk: Desk) -> None:
    assert (await desk.ask(QUESTION, "talker")).status_code == 403
    assert (await desk.http.post("/api/v1/ask", json={"question": QUESTION})).status_code == 401


async def test_a_search_that_fails_is_told_instead_of_answered_without_sources(desk: Desk) -> None:
    broken = ScriptedDocuments(problem=Unavailable("vectors_unavailable", "gone"))
    engine = EngineService(replace(desk.engine.parts, documents=broken))
    transport = httpx.ASGITransport(app=create_engine(engine, auth=authenticate))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        answer = await http.post("/api/v1/ask", json={"question": QUESTION}, headers={"authorization": "Bearer owner"})
    assert (answer.status_code, answer.json()["code"]) == (503, "vectors_unavailable")


@pytest.mark.parametrize(
    ("problem", "status"),
    [(Unavailable("vectors_unavailable", "gone"), 503), (DeadlineExceeded("search_deadline", "late"), 504)],
)
async def test_no_model_writes_an_answer_that_a_failed_search_takes_back(
    desk: Desk, problem: Unavailable, status: int
) -> None:
    llm = ScriptedLlm([ECHO])
    broken = ScriptedDocuments(problem=problem)
    parts = replace(desk.engine.parts, router=Router({"m": llm}), documents=broken, grounding="generate")
    transport = httpx.ASGITransport(app=create_engine(EngineService(parts), auth=authenticate))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        answer = await http.post("/api/v1/ask", json={"question": QUESTION}, headers={"authorization": "Bearer owner"})
    assert (answer.status_code, answer.json()["code"]) == (status, problem.code)
    assert llm.requests == []


async def test_a_vector_store_that_hangs_ends_search_and_question_at_their_deadlines(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.kit.ready("handbook.txt", HANDBOOK)
    monkeypatch.setattr(routes_library, "_SEARCH_S", 0.3)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        hanging = open_weaviate(f"weaviate://127.0.0.1:{server.sockets[0].getsockname()[1]}", api_key="any")
        documents = replace(desk.kit.parts, vectors=hanging)
        talkative = ScriptedLlm([ScriptedAnswer(text="Well, ", token_s=600.0, fault="endless")])
        parts = replace(desk.engine.parts, router=Router({"m": talkative}), documents=DocumentService(documents))
        engine = EngineService(replace(parts, grounding="generate", retrieval=RetrievalBudget(written_s=0.3)))
        apps = (create_engine(engine, auth=authenticate), create_documents(documents, auth=authenticate))
        calls = (("/api/v1/ask", {"question": QUESTION}), ("/api/v1/search", {"query": QUESTION}))
        async with asyncio.timeout(ANSWER_S):
            for app, (path, body) in zip(apps, calls, strict=True):
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
                    answer = await http.post(path, json=body, headers={"authorization": "Bearer owner"})
                assert (answer.status_code, answer.json()["code"]) == (504, "search_deadline")
        await hanging.close()
