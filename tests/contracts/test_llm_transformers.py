"""The adapter of `transformers serve`: its URL, what is told before anything starts, the door; and, with the extra, a real model from disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from tests.support.tiny_llama import tiny_llama

from voiceagent.adapters.llm import transformers as adapter
from voiceagent.adapters.llm.transformers import TransformersLlm, open_llm
from voiceagent.adapters.llm.transformers_server import Door
from voiceagent.apps.build import opened
from voiceagent.domain.conversation import Message
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, Unavailable
from voiceagent.ports.llm import ChatDone, ChatRequest, TextDelta

LOAD_S = 90
needs_extra = pytest.mark.skipif(
    any(find_spec(name) is None for name in adapter._PACKAGES),
    reason="optional: the extra transformers (torch and all) is not installed",
)


def described(folder: Path, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PACKAGES", ())


@pytest.mark.parametrize(
    "url",
    ["transformers://host/m", "transformers:///", "transformers:///m?context=0", "transformers:///m?context=-1",
     "transformers:///m?context=a", "transformers:///m?device=cpu"],
)  # fmt: skip
def test_a_url_that_is_not_understood_is_told(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_llm(url)
    assert caught.value.code == "llm_url"


def test_a_folder_without_a_model_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.json").write_text("{")
    for name, code in (("none", "model_missing"), ("bad", "model_corrupt")):
        with pytest.raises(Misconfigured) as caught:
            open_llm(f"transformers://{tmp_path}/{name}")
        assert caught.value.code == code
        assert str(tmp_path) not in caught.value.message


async def test_without_the_extra_the_setting_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_PACKAGES", ("transformers_that_nobody_has",))
    with pytest.raises(Misconfigured) as caught:
        await opened("llm", f"transformers://{described(tmp_path)}")
    assert caught.value.code == "adapter_not_installed"
    assert "voiceagent[transformers]" in caught.value.message


@pytest.mark.parametrize(
    ("config", "query", "tokens"),
    [
        ({"max_position_embeddings": 2048}, "", 2048),
        ({"max_position_embeddings": 2048}, "?context=512", 512),
        ({"text_config": {"max_position_embeddings": 1024}}, "", 1024),
        ({"max_position_embeddings": "many"}, "", 4096),
        ({}, "", 4096),
    ],
)
def test_the_context_is_that_of_the_url_or_of_the_model(
    tmp_path: Path, installed: None, config: dict[str, Any], query: str, tokens: int
) -> None:
    found = open_llm(f"transformers://{described(tmp_path / 'tiny', **config)}{query}").capabilities
    assert (found.model, found.context_tokens, found.local, found.concurrency) == ("tiny", tokens, True, 1)


async def test_a_prompt_longer_than_the_context_is_told_so_without_a_call(tmp_path: Path, installed: None) -> None:
    llm = TransformersLlm(described(tmp_path), 16)
    with pytest.raises(InvalidInput) as caught:
        await anext(llm.stream(ChatRequest((Message("user", "hello " * 100),))))
    assert (caught.value.code, llm.child_pid) == ("context_too_long", None)
    await llm.close()


async def through_the_door(path: str, method: str = "POST", key: str = "right") -> tuple[int, bool]:
    """The status, 0 when the server behind answered, and whether it was asked."""
    behind: list[str] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        behind.append(scope["path"])

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    await Door(app, "right")(scope, None, send)
    return (sent[0]["status"] if sent else 0), bool(behind)


async def test_the_door_lets_chat_through_with_the_key_and_nothing_else() -> None:
    assert await through_the_door("/v1/chat/completions") == (0, True)
    assert await through_the_door("/v1/models", "GET") == (200, False)
    for path in ("/load_model", "/reset", "/v1/responses", "/v1/audio/transcriptions"):
        assert await through_the_door(path) == (404, False)
    for key in ("", "wrong"):
        assert await through_the_door("/v1/chat/completions", key=key) == (401, False)


# --- a real model: random weights, saved by the library itself -----------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny@llama")


@pytest.fixture
async def llm(tiny: Path) -> AsyncIterator[TransformersLlm]:
    made = open_llm(f"transformers://{tiny}")
    await until_ready(made)
    yield made
    await made.close()


async def until_ready(llm: TransformersLlm) -> None:
    async with asyncio.timeout(LOAD_S):
        while not await llm.ready():
            await asyncio.sleep(0.1)


def ask(said: str = "Hello", tokens: int = 8) -> ChatRequest:
    return ChatRequest((Message("user", said),), max_output_tokens=tokens, deadline_s=30)


@needs_extra
async def test_a_model_from_disk_answers_piece_by_piece_and_counts_its_tokens(llm: TransformersLlm) -> None:
    deltas = [delta async for delta in llm.stream(ask(tokens=12))]
    done = deltas[-1]
    assert isinstance(done, ChatDone)
    assert sum(isinstance(delta, TextDelta) for delta in deltas) > 1
    assert done.usage.prompt_tokens == len("user: Hello\nassistant:")
    assert 0 < done.usage.completion_tokens <= 12
    assert [isinstance(d[-1], ChatDone) for d in await asyncio.gather(*(collected(llm) for _ in range(3)))] == [
        True
    ] * 3


async def collected(llm: TransformersLlm) -> list[Any]:
    return [delta async for delta in llm.stream(ask())]


@needs_extra
async def test_leaving_a_stream_stops_the_model(llm: TransformersLlm) -> None:
    assert llm.child_pid is not None
    child = psutil.Process(llm.child_pid)
    stream = llm.stream(ask(tokens=1900))
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.5)
    before_s = sum(child.cpu_times()[:2])
    await asyncio.sleep(0.5)
    assert sum(child.cpu_times()[:2]) - before_s < 0.2


@needs_extra
async def test_the_child_keeps_its_key_listens_on_loopback_comes_back_and_ends(llm: TransformersLlm) -> None:
    assert llm.child_pid is not None
    child = psutil.Process(llm.child_pid)
    assert not [name for name in child.environ() if name.startswith("VOICEAGENT") or "KEY" in name]
    listening = [c.laddr for c in child.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{listening[0].port}/reset") as answer:
        assert answer.status == 401
    child.kill()
    with pytest.raises(Unavailable):
        async for _ in llm.stream(ask(tokens=1000)):
            pass
    await until_ready(llm)
    assert llm.child_pid != child.pid
    again = psutil.Process(llm.child_pid or 0)
    assert isinstance((await collected(llm))[-1], ChatDone)
    await llm.close()
    assert not again.is_running()
    with pytest.raises(Problem):
        await collected(llm)


@needs_extra
async def test_a_folder_that_cannot_be_loaded_is_unavailable_by_the_deadline(tmp_path: Path) -> None:
    llm = open_llm(f"transformers://{described(tmp_path / 'empty', model_type='llama')}")
    async with asyncio.timeout(LOAD_S):
        with pytest.raises(Unavailable):
            await anext(llm.stream(ChatRequest((Message("user", "Hi"),), deadline_s=5)))
    assert not await llm.ready()
    await llm.close()
