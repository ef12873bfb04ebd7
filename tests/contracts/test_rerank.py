"""The contract of ports.rerank.Reranker on a server of each shape. Titles are sentences of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from voiceagent.adapters.rerank.server import RerankServer
from voiceagent.apps.build import ADAPTERS, opened
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, Problem, Unavailable

TEXTS = ("cats sleep", "the refund period is thirty days", "a refund")


@dataclass
class Server:
    """Scores a text by the words that it shares with the question. answer: said instead.  delay_s: before it answers."""

    tei: bool
    status: int = 200
    delay_s: float = 0.0
    answer: Any = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    open_calls: int = 0

    async def rerank(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self.open_calls += 1
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.open_calls -= 1
        if self.answer is not None or self.status != 200:
            return web.json_response(self.answer, status=self.status)
        texts = body["texts" if self.tei else "documents"]
        name = "score" if self.tei else "relevance_score"
        asked = set(body["query"].split())
        rows = [{"index": at, name: len(asked & set(text.split())) / 10} for at, text in enumerate(texts)]
        rows.sort(key=lambda row: -row[name])
        return web.json_response(rows if self.tei else {"results": rows})


@dataclass
class Case:
    reranker: RerankServer
    server: Server


def test_every_adapter_of_the_table_is_under_this_contract() -> None:
    assert set(ADAPTERS["rerank"]) == {"none", "rerank+http", "rerank+https", "tei+http", "tei+https"}


@pytest.fixture(params=["rerank", "tei"])
async def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setenv("RERANK_KEY", "k-1")
    server = Server(tei=request.param == "tei")
    app = web.Application()
    app.router.add_post("/rerank" if server.tei else "/v1/rerank", server.rerank)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    path = "" if server.tei else "/v1"
    model = "" if server.tei else "&model=small"
    made = await opened("rerank", f"{request.param}+http://127.0.0.1:{port}{path}?key_env=RERANK_KEY{model}")
    yield Case(made, server)
    await made.close()
    await runner.cleanup()


async def test_one_score_a_text_in_order(case: Case) -> None:
    scores = await case.reranker.scores("what is the refund period", TEXTS, within_s=60.0)
    assert scores == (0.0, 0.4, 0.1)
    [asked] = case.server.asked
    assert asked.get("model") == (None if case.server.tei else "small")
    assert asked.get("top_n", 3) == 3
    assert case.server.keys == ["Bearer k-1"]
    assert await case.reranker.scores("nothing", (), within_s=60.0) == ()


async def test_late_is_a_deadline(case: Case) -> None:
    case.server.delay_s = 30.0
    with pytest.raises(DeadlineExceeded) as raised:
        await case.reranker.scores("q", TEXTS, within_s=0.05)
    assert raised.value.code == "rerank_deadline"


async def test_cancelling_ends_the_call(case: Case) -> None:
    case.server.delay_s = 300.0
    call = asyncio.create_task(case.reranker.scores("q", TEXTS, within_s=300.0))
    async with asyncio.timeout(60.0):
        while not case.server.open_calls:
            await asyncio.sleep(0.01)
        call.cancel()
        while case.server.open_calls:
            await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, {}),
        (200, {"results": []}),
        (200, {"results": [{"index": 0, "relevance_score": 1.0}]}),
        (200, [{"index": at, "score": "NaN"} for at in range(3)]),
        (200, "words"),
        (200, {"results": [{"index": 9, "relevance_score": 1.0}] * 3}),
    ],
)
async def test_a_server_that_fails_or_says_something_else_is_unavailable(case: Case, status: int, answer: Any) -> None:
    case.server.status, case.server.answer = status, answer
    with pytest.raises(Unavailable) as raised:
        await case.reranker.scores("q", TEXTS, within_s=60.0)
    assert (raised.value.code, raised.value.retryable) == ("rerank_unavailable", True)


async def test_refused_credentials_are_the_operators_business(case: Case) -> None:
    case.server.status, case.server.answer = 401, {}
    with pytest.raises(Misconfigured) as raised:
        await case.reranker.scores("q", TEXTS, within_s=60.0)
    assert raised.value.code == "rerank_credentials"


async def test_closed_means_unavailable_and_closing_twice_is_fine(case: Case) -> None:
    await case.reranker.scores("q", TEXTS, within_s=60.0)
    await case.reranker.close()
    await case.reranker.close()
    with pytest.raises(Unavailable):
        await case.reranker.scores("q", TEXTS, within_s=60.0)


async def test_none_is_no_reranker() -> None:
    assert await opened("rerank", "none://") is None


@pytest.mark.parametrize("url", ["rerank+http://host/v1", "rerank+https:///v1?model=m", "tei+http://"])
async def test_a_url_without_host_or_model_is_refused(url: str) -> None:
    with pytest.raises(Problem) as raised:
        await opened("rerank", url)
    assert raised.value.code == "bad_url"
