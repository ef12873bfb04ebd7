"""The contract of ports.llm.LanguageModel, on every adapter; then what each must survive. Titles are sentences of the port."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from tests.support.chat_server import DONE, USAGE, WHOLE, ChatServer, chat_server, chunk, event
from tests.support.models import TestModels, model_path
from tests.support.patience import ANSWER_S, holds_within, until

from voiceagent.adapters.llm.llamacpp import LlamaCppLlm
from voiceagent.adapters.llm.llamacpp import open_llm as open_llamacpp
from voiceagent.adapters.llm.openai import open_llm as open_openai
from voiceagent.adapters.llm.scripted import ScriptedAnswer, ScriptedLlm
from voiceagent.adapters.llm.scripted import open_llm as open_scripted
from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.reply import ToolSpec
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import (
    DeadlineExceeded,
    InvalidInput,
    Misconfigured,
    Problem,
    RateLimited,
    Unavailable,
)
from voiceagent.ports.llm import ChatDelta, ChatDone, ChatRequest, LanguageModel, TextDelta, ToolCallDelta

HELLO = (Message("system", "Answer in one short sentence."), Message("user", "Hello, who are you?"))


def ask(said: str = "Hello", **changes: Any) -> ChatRequest:
    return ChatRequest((Message("user", said),), **changes)


async def collected(llm: LanguageModel, request: ChatRequest) -> list[ChatDelta]:
    return [delta async for delta in llm.stream(request)]


def text_of(deltas: list[ChatDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[LanguageModel]:
    """The adapter with an answer ready."""
    if kind == "scripted":
        llm: LanguageModel = ScriptedLlm([ScriptedAnswer(text="Hello there, you", token_s=0.001)])
        yield llm
        await llm.close()
    elif kind == "openai":
        async with chat_server() as server:
            server.says(*WHOLE)
            llm = open_openai(f"openai+{server.url}?model=m")
            yield llm
            await llm.close()
    else:
        model_path("smollm2-135m-instruct")
        llm = open_llamacpp("llamacpp:///?threads=1", models=TestModels())
        yield llm
        await llm.close()


@pytest.fixture(params=["scripted", "openai", "llamacpp"])
async def llm(request: pytest.FixtureRequest) -> AsyncIterator[LanguageModel]:
    async with opened(request.param) as made:
        yield made


async def test_the_answer_comes_piece_by_piece_and_ends_with_done_and_usage(llm: LanguageModel) -> None:
    deltas = await collected(llm, ChatRequest(HELLO, max_output_tokens=24, deadline_s=300))
    assert text_of(deltas)
    assert [isinstance(delta, ChatDone) for delta in deltas].index(True) == len(deltas) - 1
    done = deltas[-1]
    assert isinstance(done, ChatDone)
    assert 0 < done.usage.completion_tokens <= 24
    assert done.usage.prompt_tokens > 0


async def test_an_iterator_that_is_closed_leaves_the_model_free_for_the_next(llm: LanguageModel) -> None:
    stream = llm.stream(ChatRequest(HELLO, deadline_s=300))
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()  # type: ignore[attr-defined]
    assert text_of(await collected(llm, ChatRequest(HELLO, max_output_tokens=8, deadline_s=300)))


async def test_concurrent_answers_do_not_mix(llm: LanguageModel) -> None:
    asked = [collected(llm, ChatRequest(HELLO, max_output_tokens=8, deadline_s=300)) for _ in range(3)]
    for deltas in await asyncio.gather(*asked):
        assert isinstance(deltas[-1], ChatDone)
        assert text_of(deltas)


async def test_warm_never_raises_and_can_be_cancelled(llm: LanguageModel) -> None:
    await llm.warm(HELLO)
    warming = asyncio.create_task(llm.warm((Message("user", "word " * 400),)))
    await asyncio.sleep(0)
    warming.cancel()
    assert isinstance((await asyncio.gather(warming, return_exceptions=True))[0], asyncio.CancelledError | None)


async def test_ready_is_bounded_and_close_is_idempotent_and_final(llm: LanguageModel) -> None:
    began_s = time.monotonic()
    assert isinstance(await llm.ready(), bool)
    assert time.monotonic() - began_s < 30
    await llm.close()
    await llm.close()
    assert await llm.ready() is False
    with pytest.raises(Unavailable) as caught:
        await collected(llm, ask())
    assert (caught.value.code, caught.value.retryable) == ("llm_unavailable", True)


TEXTS = (
    "Hello, how are you today? I would like to book a table for two at seven o'clock.",
    "The invoice INV-2024-00391 of 12.03.2024 is 1,299.50 EUR, due in 30 days; see https://example.org/a?b=c&d=1.",
    "Antidisestablishmentarianism, Donaudampfschifffahrtsgesellschaft, floccinaucinihilipilification.",
    "Größe, naïve, façade, señor, Übergrößenträger, crème brûlée.",
    "こんにちは、元気ですか。今日はとても良い天気ですね。",
    "Привет, как дела? Сегодня хорошая погода.",
    '{"a": [1, 2, 3], "b": {"c": null}}\n\tdef f(x):\n\t\treturn x ** 2\n',
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "😀😃😄 👍🏽 🇩🇪",
    "",
)


async def test_an_estimate_of_tokens_is_never_below_the_truth_by_more_than_a_quarter(patient: None) -> None:
    estimating = open_openai("openai+http://127.0.0.1:9/v1?model=m")
    async with opened("llamacpp") as exact:
        await collected(exact, ask(max_output_tokens=1, deadline_s=300))
        assert await exact.count_tokens("hello there") == 2
        for text in TEXTS:
            truth = await exact.count_tokens(text)
            assert await estimating.count_tokens(text) >= 0.75 * truth, text
    await estimating.close()


# --- openai: a server that misbehaves ---------------------------------------------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as made:
        yield made


@pytest.fixture
async def client(server: ChatServer) -> AsyncIterator[LanguageModel]:
    made = open_openai(f"openai+{server.url}?model=m&tools=1&context=4096")
    yield made
    await made.close()


async def failure(llm: LanguageModel, request: ChatRequest) -> tuple[Problem, str]:
    """The problem, and the text that came before it."""
    deltas: list[ChatDelta] = []
    with pytest.raises(Problem) as caught:
        async for delta in llm.stream(request):
            deltas.append(delta)
    assert not any(isinstance(delta, ChatDone) for delta in deltas)
    return caught.value, text_of(deltas)


ODD_BUT_WHOLE: dict[str, tuple[bytes | float, ...]] = {
    "plain": WHOLE,
    "one byte at a time": tuple(bytes([byte]) for piece in WHOLE for byte in piece),
    "everything at once": (b"".join(WHOLE),),
    "line ends of Windows": tuple(piece.replace(b"\n", b"\r\n") for piece in WHOLE),
    "comments, events and stray lines": (b": ping\n\n", b"event: x\nid: 3\nretry: 5\n\n", b"garbage\n\n", *WHOLE),
    "no blank after the colon": tuple(piece.replace(b"data: ", b"data:") for piece in WHOLE),
    "no [DONE]": WHOLE[:-1],
    "no finish reason": (WHOLE[0], WHOLE[1], USAGE, DONE),
    "no line end after the last": (*WHOLE[:-1], b"data: [DONE]"),
    "empty choices, null content": (event({"choices": []}), event({}), chunk(role="assistant", content=None), *WHOLE),
    "no usage": (WHOLE[0], WHOLE[1], WHOLE[2], DONE),
    "usage never comes and the line stays open": (WHOLE[0], WHOLE[1], WHOLE[2], 30.0),
}


@pytest.mark.parametrize("pieces", ODD_BUT_WHOLE.values(), ids=ODD_BUT_WHOLE.keys())
async def test_odd_streams_that_are_whole_give_the_whole_answer(
    server: ChatServer, client: LanguageModel, pieces: tuple[bytes | float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    has_usage = USAGE in b"".join(p for p in pieces if isinstance(p, bytes))
    if has_usage:
        monkeypatch.setattr("voiceagent.adapters.llm.openai_call.USAGE_S", ANSWER_S)
    server.says(*pieces)
    deltas = await collected(client, ask())
    assert text_of(deltas) == "Hello!"
    done = deltas[-1]
    assert isinstance(done, ChatDone)
    assert done.finish_reason == "stop"
    assert done.usage == TokenUsage(7, 3) if has_usage else True
    assert done.usage.completion_tokens > 0


BROKEN: dict[str, tuple[tuple[bytes | float, ...], bool]] = {
    "nothing at all": ((), False),
    "ends after some words": ((WHOLE[0],), False),
    "cut after some words": ((WHOLE[0],), True),
    "half a chunk": ((WHOLE[0], chunk("lo!")[:20]), False),
    "chunk that is no JSON": ((WHOLE[0], event(b"{oops"), *WHOLE[1:]), False),
    "chunk that is no object": ((WHOLE[0], event([1, 2]), *WHOLE[1:]), False),
    "content that is no text": ((WHOLE[0], chunk(content={"a": 1}), *WHOLE[1:]), False),
    "bytes that are no UTF-8": (
        (WHOLE[0], event(b'{"choices":[{"delta":{"content":"\xff\xfe"}}]}'), *WHOLE[1:]),
        False,
    ),
    "a line without an end": ((WHOLE[0], *(b"data: " + b"x" * 300_000,) * 4), False),
    "an error object in the stream": ((WHOLE[0], event({"error": {"message": "boom", "code": 500}})), False),
}


@pytest.mark.parametrize(("pieces", "cut"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_stream_that_is_cut_off_or_garbled_raises_unavailable_and_never_done(
    server: ChatServer, client: LanguageModel, pieces: tuple[bytes | float, ...], cut: bool
) -> None:
    server.says(*pieces, cut=cut)
    problem, text = await failure(client, ask())
    assert (type(problem), problem.code, problem.retryable) == (Unavailable, "llm_unavailable", True)
    assert text in ("", "Hel")
    assert len(server.bodies) == 1, "no retry after the first byte"


LATE: dict[str, tuple[bytes | float, ...]] = {
    "headers": (),
    "first token": (60.0, *WHOLE),
    "first token behind keep-alives": (b": ping\n\n", *(0.05, b": ping\n\n") * 60, *WHOLE),
    "first token behind empty chunks": (chunk(role="assistant"), *(0.05, chunk("")) * 60, *WHOLE),
}


@pytest.mark.parametrize("pieces", LATE.values(), ids=LATE.keys())
async def test_a_first_token_that_is_late_raises_deadline_exceeded(
    server: ChatServer, client: LanguageModel, pieces: tuple[bytes | float, ...]
) -> None:
    server.says(*pieces)
    if not pieces:

        async def slow(_request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(60)
            return web.Response()

        server.answer = slow
    problem, text = await failure(client, ask(deadline_s=0.3))
    assert (type(problem), problem.code, text) == (DeadlineExceeded, "llm_deadline", "")


async def test_a_later_token_that_is_late_raises_deadline_exceeded(
    server: ChatServer, client: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceagent.adapters.llm.openai_call.NEXT_TOKEN_S", 0.2)
    server.says(WHOLE[0], 60.0, *WHOLE[1:])
    problem, text = await failure(client, ask(deadline_s=300))
    assert (type(problem), problem.code, text) == (DeadlineExceeded, "llm_deadline", "Hel")


REFUSALS: dict[str, tuple[int, Any, dict[str, str], type[Problem], str, float | None]] = {
    "401": (401, {}, {}, Misconfigured, "llm_credentials", None),
    "403": (403, {}, {}, Misconfigured, "llm_credentials", None),
    "429 in seconds": (429, {}, {"Retry-After": "3"}, RateLimited, "llm_rate_limited", 3.0),
    "429 without": (429, {}, {}, RateLimited, "llm_rate_limited", None),
    "429 nonsense": (429, {}, {"Retry-After": "soon"}, RateLimited, "llm_rate_limited", None),
    "500": (500, {}, {}, Unavailable, "llm_unavailable", None),
    "503": (503, {}, {"Retry-After": "2"}, Unavailable, "llm_unavailable", 2.0),
    "redirect": (302, {}, {"Location": "http://127.0.0.1:9/"}, Unavailable, "llm_unavailable", None),
    "404": (404, {}, {}, InvalidInput, "llm_rejected", None),
    "400": (400, {"error": {"message": "messages[0] is odd"}}, {}, InvalidInput, "llm_rejected", None),
    "overflow of OpenAI": (
        400,
        {"error": {"code": "context_length_exceeded"}},
        {},
        InvalidInput,
        "context_too_long",
        None,
    ),
    "overflow of llama.cpp": (
        400,
        {"error": {"type": "exceed_context_size_error"}},
        {},
        InvalidInput,
        "context_too_long",
        None,
    ),
    "overflow of vLLM": (
        400,
        {"message": "This model's maximum context length is 4096 tokens; max_tokens"},
        {},
        InvalidInput,
        "context_too_long",
        None,
    ),
}


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "code", "after_s"), REFUSALS.values(), ids=REFUSALS.keys()
)
async def test_a_refusal_becomes_the_problem_that_it_means(
    server: ChatServer,
    client: LanguageModel,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[Problem],
    code: str,
    after_s: float | None,
) -> None:
    server.refuses(status, body, headers)
    problem, _ = await failure(client, ask())
    assert (type(problem), problem.code, problem.retry_after_s) == (kind, code, after_s)
    assert len(server.bodies) == 1


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    llm = open_openai("openai+http://127.0.0.1:9/v1?model=m")
    problem, _ = await failure(llm, ask())
    assert problem.code == "llm_unavailable"
    assert await llm.ready() is False
    await llm.close()


@pytest.mark.parametrize("close", ["aclose", "cancel"])
async def test_leaving_a_stream_stops_the_generation_at_the_server_within_200_ms(
    server: ChatServer, client: LanguageModel, close: str
) -> None:
    server.says(WHOLE[0], *(0.005, chunk("x")) * 2000)
    started = asyncio.Event()

    async def consume() -> None:
        stream = client.stream(ask())
        try:
            async for _ in stream:
                started.set()
                if close == "aclose":
                    return
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    task = asyncio.create_task(consume())
    await started.wait()
    if close == "cancel":
        task.cancel()
    await asyncio.wait({task})
    assert await holds_within(server.left.is_set, 200)


async def test_tool_calls_are_put_together_from_their_deltas(server: ChatServer, client: LanguageModel) -> None:
    def piece(index: int, **parts: Any) -> bytes:
        return chunk(tool_calls=[{"index": index} | parts])

    server.says(
        piece(0, id="call_a", function={"name": "add", "arguments": ""}),
        piece(0, function={"arguments": '{"x":'}),
        piece(1, id="call_b", function={"name": "stop", "arguments": "{}"}),
        piece(0, function={"arguments": "1}"}),
        chunk(None, "tool_calls"),
        USAGE,
        DONE,
    )
    tool = ToolSpec("add", "Adds.", {"type": "object"})
    deltas = await collected(client, ask(tools=(tool,), tool_choice="add"))
    assert deltas == [
        ToolCallDelta(ToolCall("call_a", "add", '{"x":1}')),
        ToolCallDelta(ToolCall("call_b", "stop", "{}")),
        ChatDone("tool_calls", TokenUsage(7, 3)),
    ]
    assert server.bodies[0]["tools"][0]["function"]["name"] == "add"
    assert server.bodies[0]["tool_choice"] == {"type": "function", "function": {"name": "add"}}


async def test_a_server_that_does_not_stream_is_understood(server: ChatServer, client: LanguageModel) -> None:
    message = {"role": "assistant", "content": "Hello!"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    server.refuses(200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
    assert await collected(client, ask()) == [TextDelta("Hello!"), ChatDone("stop", TokenUsage(7, 3))]


async def test_parameters_that_a_server_refuses_by_name_are_left_out_and_remembered(
    server: ChatServer, client: LanguageModel
) -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        for name in ("stream_options", "max_tokens", "temperature"):
            if name in body:
                error = {"message": f"Unsupported parameter: {name}", "param": name}
                return web.json_response({"error": error}, status=400)
        server.says(*WHOLE)
        good, server.answer = server.answer, picky
        assert good is not None
        return await good(request)

    server.answer = picky
    for calls in (4, 5):
        assert text_of(await collected(client, ask(max_output_tokens=9))) == "Hello!"
        assert len(server.bodies) == calls
    assert server.bodies[-1]["max_completion_tokens"] == 9


async def test_a_kept_connection_that_died_is_replaced_once(server: ChatServer, client: LanguageModel) -> None:
    async def dies(request: web.Request) -> web.StreamResponse:
        server.says(*WHOLE)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer = dies
    assert text_of(await collected(client, ask())) == "Hello!"
    assert len(server.bodies) == 2


async def test_the_key_comes_from_a_variable_or_a_file_and_goes_into_the_header_only(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_LLM_KEY", "s3cret-key")
    (tmp_path / "key").write_text("s3cret-key\n")
    for source in ("key_env=TEST_LLM_KEY", f"key_file={tmp_path}/key"):
        llm = open_openai(f"openai+{server.url}?model=m&{source}")
        server.says(*WHOLE)
        await collected(llm, ask())
        assert server.headers["Authorization"] == "Bearer s3cret-key"
        server.refuses(401, {"error": "s3cret-key is bad"})
        problem, _ = await failure(llm, ask())
        assert "s3cret" not in f"{problem!r} {problem.message} {caplog.text}"
        await llm.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("openai+http://127.0.0.1/v1", "llm_url"),
        ("openai+http://user:pw@127.0.0.1/v1?model=m", "llm_url"),
        ("openai+http://127.0.0.1/v1?model=m&api_key=x", "llm_url"),
        ("openai+http://127.0.0.1/v1?model=m&context=many", "llm_url"),
        ("openai+http://127.0.0.1/v1?model=m&key_env=NO_SUCH_VARIABLE", "llm_credentials"),
        ("openai+http://127.0.0.1/v1?model=m&key_file=/no/such/file", "llm_credentials"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str, code: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_openai(url)
    assert caught.value.code == code


# --- scripted ---------------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[ScriptedAnswer, type[Problem], str, str]] = {
    "refuse": (ScriptedAnswer(text="a b", fault="refuse"), Unavailable, "llm_unavailable", ""),
    "cut": (ScriptedAnswer(text="a b c", fault="cut", fault_after=2), Unavailable, "llm_unavailable", "a b"),
    "stall at once": (ScriptedAnswer(text="a", fault="stall"), DeadlineExceeded, "llm_deadline", ""),
    "stall later": (ScriptedAnswer(text="a b", fault="stall", fault_after=1), DeadlineExceeded, "llm_deadline", "a"),
    "slow first token": (ScriptedAnswer(text="a", first_token_s=11), DeadlineExceeded, "llm_deadline", ""),
    "slow later token": (ScriptedAnswer(text="a b", token_s=11), DeadlineExceeded, "llm_deadline", "a"),
    "rate limit": (ScriptedAnswer(fault="rate_limit", retry_after_s=3), RateLimited, "llm_rate_limited", ""),
    "credentials": (ScriptedAnswer(fault="credentials"), Misconfigured, "llm_credentials", ""),
    "too long": (ScriptedAnswer(fault="too_long"), InvalidInput, "context_too_long", ""),
    "reject": (ScriptedAnswer(fault="reject"), InvalidInput, "llm_rejected", ""),
}


@pytest.mark.parametrize(("answer", "kind", "code", "text"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_script_can_fail_in_every_way_of_the_port_in_virtual_time(
    answer: ScriptedAnswer, kind: type[Problem], code: str, text: str
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    problem, said = await failure(ScriptedLlm([answer], sleep=sleep), ask(deadline_s=10))
    assert (type(problem), problem.code, said) == (kind, code, text)
    assert sum(slept) <= 10 + 10


async def test_a_script_can_go_on_for_ever_up_to_the_token_limit() -> None:
    deltas = await collected(ScriptedLlm([ScriptedAnswer(text="on and", fault="endless")]), ask(max_output_tokens=50))
    assert deltas[-1] == ChatDone("length", TokenUsage(deltas[-1].usage.prompt_tokens, 50))  # type: ignore[union-attr]


async def test_a_script_file_answers_by_the_words_of_the_question(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps([{"text": "Nine.", "when": "open"}, {"text": "Hm: {question}"}]))
    llm = open_scripted(f"scripted://{path}")
    assert text_of(await collected(llm, ask("When do you OPEN?"))) == "Nine."
    assert text_of(await collected(llm, ask("What else?"))) == "Hm: What else?"
    path.write_text('[{"txet": "x"}]')
    with pytest.raises(Misconfigured) as caught:
        open_scripted(f"scripted://{path}")
    assert caught.value.code == "llm_script"


# --- llamacpp: the real model in its child process --------------------------------------------------------------------


@pytest.fixture
async def local() -> AsyncIterator[LlamaCppLlm]:
    async with opened("llamacpp") as made:
        assert isinstance(made, LlamaCppLlm)
        await collected(made, ask(max_output_tokens=1, deadline_s=300))
        yield made


async def test_a_prompt_longer_than_the_context_is_told_so(local: LlamaCppLlm) -> None:
    problem, _ = await failure(local, ask("hello " * 3000, deadline_s=300))
    assert (type(problem), problem.code) == (InvalidInput, "context_too_long")


async def test_a_warmed_prompt_is_served_from_the_prefix_cache(local: LlamaCppLlm, patient: None) -> None:
    before = Message("system", "You know the story of the old lighthouse keeper and his very patient grey cat. " * 3)
    await local.warm((before, Message("user", "Tell me what the")))
    done = (
        await collected(local, ChatRequest((before, Message("user", "Tell me what the cat did.")), 2, deadline_s=300))
    )[-1]
    assert isinstance(done, ChatDone)
    assert done.usage.cached_tokens >= 0.7 * done.usage.prompt_tokens


async def test_a_child_that_dies_comes_back_and_calls_meanwhile_are_unavailable(local: LlamaCppLlm) -> None:
    child = local.child_pid
    assert child is not None
    psutil.Process(child).kill()
    problem, _ = await failure(local, ask("Tell me a long story.", max_output_tokens=500))
    assert problem.code == "llm_unavailable"
    async with asyncio.timeout(90):
        while not await local.ready():
            await asyncio.sleep(0.05)
    assert local.child_pid != child
    assert not psutil.pid_exists(child), "the dead child was not reaped"
    assert text_of(await collected(local, ask(max_output_tokens=4, deadline_s=300)))


async def test_the_child_ends_with_close_and_shows_no_secret(local: LlamaCppLlm) -> None:
    assert local.child_pid is not None
    child = psutil.Process(local.child_pid)
    assert "api_key" not in " ".join(child.cmdline())
    assert not [name for name in child.environ() if name.startswith("VOICEAGENT") or "KEY" in name]
    assert {c.laddr.ip for c in child.net_connections() if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    await local.close()
    assert not child.is_running()


async def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    model = model_path("smollm2-135m-instruct")
    program = (
        "import asyncio, sys\n"
        "from voiceagent.adapters.llm.llamacpp import open_llm\n"
        "async def main():\n"
        "    llm = open_llm(sys.argv[1], models=None)\n"
        "    while not await llm.ready():\n"
        "        await asyncio.sleep(0.05)\n"
        "    print(llm.child_pid, file=sys.stderr, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    gguf = next(iter(model.glob("*.gguf"))) if model.is_dir() else model
    import sys

    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, f"llamacpp://{gguf}", stderr=asyncio.subprocess.PIPE
    )
    assert parent.stderr is not None
    child = psutil.Process(int(await asyncio.wait_for(parent.stderr.readline(), 60)))
    parent.kill()
    await parent.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_generation_stops_in_the_child_when_the_stream_is_left(local: LlamaCppLlm) -> None:
    assert local.child_pid is not None
    child = psutil.Process(local.child_pid)
    stream = local.stream(
        ask("List the numbers from 1 to 1000, one a line: 1, 2, 3,", max_output_tokens=1500, deadline_s=300)
    )
    await anext(stream)
    await stream.aclose()
    left, used = sum(child.cpu_times()[:2]), -1.0
    async with asyncio.timeout(60):
        while (now := sum(child.cpu_times()[:2])) > used:  # until it has had nothing to do for a while
            used = now
            await asyncio.sleep(1.0)
    assert used - left < 0.5, "what is left of the answer would take many times that, on any machine"


def test_a_missing_or_foreign_model_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(os.urandom(64))
    for path, code in ((tmp_path / "none.gguf", "model_missing"), (tmp_path / "x.gguf", "model_corrupt")):
        with pytest.raises(Misconfigured) as caught:
            open_llamacpp(f"llamacpp://{path}", models=TestModels())
        assert caught.value.code == code
    with pytest.raises(Misconfigured):
        open_llamacpp("llamacpp:///?context=0", models=TestModels())
