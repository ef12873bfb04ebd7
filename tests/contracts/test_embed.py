"""The sentences of ports/embed.py, for every adapter of the port."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.support.ports import free_ports

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.adapters.embed.hashed import open_embed as open_hashed
from voiceagent.adapters.embed.minilm import open_embed as open_minilm
from voiceagent.adapters.embed.openai import open_embed as open_openai
from voiceagent.adapters.providers.embed import routed_embedder
from voiceagent.domain.provider import Provider
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.ports.embed import Embedder

MODEL = "minilm-l6-v2"


def minilm_folder() -> Path:
    """The real model, where a model store has put it; skipped by name when there is none."""
    roots = [os.environ.get("VOICEAGENT_MODELS", ""), str(Path(__file__).parents[2] / ".cache" / "models")]
    for root in filter(None, roots):
        for folder in (Path(root) / MODEL, *sorted(Path(root).glob(f"{MODEL}*"))):
            if (folder / "model.onnx").exists() and (folder / "tokenizer.json").exists():
                return folder
    pytest.skip("missing: model minilm-l6-v2 (set VOICEAGENT_MODELS)")


async def _answer(request: web.Request) -> web.Response:
    body = await request.json()
    vectors = await HashedEmbedder(64).embed(tuple(body["input"]))
    rows = [{"object": "embedding", "index": at, "embedding": list(row)} for at, row in enumerate(vectors)]
    return web.json_response({"object": "list", "model": body["model"], "data": rows[::-1]})


async def _refuse(_request: web.Request) -> web.Response:
    return web.Response(status=401)


async def _garble(_request: web.Request) -> web.Response:
    return web.Response(text="not json")


async def _send_too_few(_request: web.Request) -> web.Response:
    return web.json_response({"data": []})


@pytest.fixture
async def server() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/embeddings", _answer)
    app.router.add_post("/refused/embeddings", _refuse)
    app.router.add_post("/broken/embeddings", _garble)
    app.router.add_post("/short/embeddings", _send_too_few)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"openai+http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    await runner.cleanup()


def behind_a_broken_one(server: str) -> Embedder:
    """An embedding model behind another place of it that fails each call."""
    well = open_openai(f"{server}/v1?model=m&dimensions=64")
    made = routed_embedder(well, clock=SystemClock())
    broken = open_openai(f"{server}/broken?model=m&dimensions=64")
    made.pool.put(Provider("broken", "", kind="embed", roles=(), priority=1), broken)
    made.pool.put(Provider("well", "", kind="embed", roles=(), priority=2), well)
    return made


@pytest.fixture(params=["hashed", "minilm", "openai", "routed"])
async def embedder(request: pytest.FixtureRequest, server: str) -> AsyncIterator[Embedder]:
    made: Embedder
    if request.param == "routed":
        made = behind_a_broken_one(server)
    elif request.param == "hashed":
        made = open_hashed("hashed://?dimensions=64")
    elif request.param == "minilm":
        made = open_minilm(f"minilm://{minilm_folder()}", models=_NoModels())
    else:
        made = open_openai(f"{server}/v1?model=m&dimensions=64", api_key="k")
    yield made
    await made.close()


class _NoModels:
    def path(self, name: str) -> Path:
        raise Misconfigured("model_missing", f"{name} is not here")


def _similarity(left: tuple[float, ...], right: tuple[float, ...]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))


async def test_one_vector_of_unit_length_a_text(embedder: Embedder) -> None:
    texts = ("The kettle is on the stove.", "", "word " * 2_000, "日本語のテキスト", "\x00\ud7ff odd")
    vectors = await embedder.embed(texts)
    assert len(vectors) == len(texts)
    for vector in vectors:
        assert len(vector) == embedder.capabilities.dimensions
        assert math.isclose(_similarity(vector, vector), 1.0, abs_tol=1e-4)


async def test_vectors_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = tuple(
        f"{'long ' * (40 - at)}text number {at} about {'cats' if at % 2 else 'steam turbines'}" for at in range(40)
    )
    together = await embedder.embed(texts)
    for at in (0, 17, 39):
        alone = (await embedder.embed((texts[at],)))[0]
        assert _similarity(alone, together[at]) > 0.99


async def test_idempotent(embedder: Embedder) -> None:
    first = await embedder.embed(("How do I return an order?",), query=True)
    second = await embedder.embed(("How do I return an order?",), query=True)
    assert _similarity(first[0], second[0]) > 0.9999


async def test_near_means_alike(embedder: Embedder) -> None:
    question, near, far = await embedder.embed(
        ("what is the refund period", "the refund period is thirty days", "turbines spin in hot steam")
    )
    assert _similarity(question, near) > _similarity(question, far) + 0.2


async def test_no_text_gives_no_vector(embedder: Embedder) -> None:
    assert await embedder.embed(()) == ()


async def test_concurrent_calls_do_not_mix(embedder: Embedder) -> None:
    texts = [f"subject {at} of the {'sea' if at % 3 else 'mountain'}" for at in range(12)]
    expected = await embedder.embed(tuple(texts))
    found = await asyncio.gather(*(embedder.embed((text,), query=at % 2 == 0) for at, text in enumerate(texts)))
    for at, vectors in enumerate(found):
        assert _similarity(vectors[0], expected[at]) > 0.99


async def test_a_cancelled_call_harms_no_other(embedder: Embedder) -> None:
    task = asyncio.create_task(embedder.embed(tuple(f"passage {at} " * 50 for at in range(30))))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(await embedder.embed(("still there",), query=True)) == 1


async def test_closed_means_unavailable_and_closing_twice_is_fine(embedder: Embedder) -> None:
    await embedder.close()
    await embedder.close()
    with pytest.raises(Unavailable) as caught:
        await embedder.embed(("x",))
    assert caught.value.code == "embed_unavailable"


async def test_a_question_is_answered_while_passages_are_embedded() -> None:
    embedder = open_minilm(f"minilm://{minilm_folder()}", models=_NoModels(), threads=1)
    bulk = asyncio.create_task(embedder.embed(tuple(f"passage {at} " * 120 for at in range(24))))
    await asyncio.sleep(0)
    await embedder.embed(("a question",), query=True)
    assert not bulk.done()
    bulk.cancel()
    await asyncio.gather(bulk, return_exceptions=True)
    await embedder.close()


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("refused", Misconfigured, "embed_credentials"),
        ("broken", Unavailable, "embed_unavailable"),
        ("short", Unavailable, "embed_unavailable"),
        ("absent", Unavailable, "embed_unavailable"),
    ],
)
async def test_what_a_server_does_wrong_is_translated(server: str, path: str, kind: type[Exception], code: str) -> None:
    embedder = open_openai(f"{server}/{path}?model=m&dimensions=64", api_key="k")
    with pytest.raises(kind) as caught:
        await embedder.embed(("x",))
    assert caught.value.code == code  # type: ignore[attr-defined]
    await embedder.close()


async def test_vectors_of_another_length_are_a_wrong_configuration(server: str) -> None:
    embedder = open_openai(f"{server}/v1?model=m&dimensions=32", api_key="k")
    with pytest.raises(Misconfigured) as caught:
        await embedder.embed(("x",))
    assert caught.value.code == "embed_dimensions"
    await embedder.close()


async def test_nobody_listens_means_unavailable() -> None:
    embedder = open_openai(f"openai+http://127.0.0.1:{free_ports(1)[0]}/v1?model=m&dimensions=64", api_key="k")
    with pytest.raises(Unavailable):
        await embedder.embed(("x",))
    await embedder.close()


def test_a_wrong_url_is_a_wrong_configuration(tmp_path: Path) -> None:
    for url in ("openai+http://h/v1", "openai+http://h/v1?model=m", "openai+http://h/v1?model=m&dimensions=x"):
        with pytest.raises(Misconfigured):
            open_openai(url)
    with pytest.raises(Misconfigured):
        open_hashed("hashed://?dimensions=many")
    with pytest.raises(Misconfigured) as caught:
        open_minilm(f"minilm://{tmp_path}", models=_NoModels())
    assert caught.value.code == "model_missing"
    (tmp_path / "model.onnx").write_bytes(b"garbage")
    with pytest.raises(Misconfigured) as caught:
        open_minilm(f"minilm://{tmp_path}", models=_NoModels())
    assert caught.value.code == "model_corrupt"


async def test_minilm_multiplies_whole_numbers_and_says_so() -> None:
    """Another space than that of floats, near enough that a question of one finds in the other."""
    folder = minilm_folder()
    whole = open_minilm(f"minilm://{folder}", models=_NoModels())
    floats = open_minilm(f"minilm://{folder}?compute=floats", models=_NoModels())
    assert whole.capabilities.space == f"{floats.capabilities.space}/int8"
    assert floats.capabilities.space in whole.capabilities.near and whole.capabilities.space in floats.capabilities.near
    text = "Annual leave is twenty-five days a year, and unused days are paid out in March of the year after. "
    passages = (text, text * 8, "The turbine blades are inspected twice a year by a licensed engineer.")
    ours, exact = await whole.embed(passages), await floats.embed(passages)
    assert all(0.99 < _similarity(one, other) < 0.99999 for one, other in zip(ours, exact, strict=True))
    assert await whole.embed(passages[:1]) == ours[:1]  # whatever it is computed beside
    asked = ("how many days of leave do I have",)
    assert await whole.embed(asked, query=True) == await floats.embed(asked, query=True)
    await whole.close()
    await floats.close()


def test_a_file_of_weights_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = (minilm_folder() / "model.onnx").read_bytes()
    for size in (1, 1_000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "model.onnx").write_bytes(whole[:size])
        with pytest.raises(Misconfigured) as caught:
            open_minilm(f"minilm://{tmp_path}", models=_NoModels())
        assert caught.value.code == "model_corrupt"
    with pytest.raises(Misconfigured):
        open_minilm(f"minilm://{tmp_path}?compute=guess", models=_NoModels())
