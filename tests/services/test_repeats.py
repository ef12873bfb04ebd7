"""Calls with an Idempotency-Key: one effect and one answer, however often and however many at once, also after a crash."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from tests.support.doomed_repeats import STEPS
from tests.support.gateway_rig import Rig, gateway_rig, problem_of

import voiceagent.web.repeats.once as once_module
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import Conflict, InvalidInput
from voiceagent.web.context import context_of
from voiceagent.web.repeats.digest import DigestedBody
from voiceagent.web.repeats.joined import joined
from voiceagent.web.repeats.once import Once, Way

ROOT = Path(__file__).resolve().parents[2]
WANTED = {"name": "laptop", "scopes": ["talk"]}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


async def made_key(rig: Rig, headers: dict[str, str], repeat: str, wanted: Any = None) -> tuple[int, Any, str]:
    sent = headers | {"Idempotency-Key": repeat}
    async with rig.client.post("/api/v1/keys", headers=sent, json=wanted or WANTED) as answer:
        return answer.status, await answer.json(), answer.headers.get("Idempotency-Replayed", "")


async def keys_named(rig: Rig, name: str, tenant: str = "ten_a") -> int:
    async with rig.store.begin(tenant, read_only=True) as work:
        return sum(key.name == name for key in await work.keys.all())


async def test_the_same_call_has_one_effect_and_the_same_answer(rig: Rig) -> None:
    _, headers = await rig.key()
    first, again = [await made_key(rig, headers, "k1") for _ in range(2)]
    assert first[0] == again[0] == 201
    assert first[1] == again[1]
    assert (first[2], again[2]) == ("", "true")
    other = await made_key(rig, headers, "k2")
    assert other[1]["secret"] != first[1]["secret"]
    assert await keys_named(rig, "laptop") == 2


async def test_another_body_is_refused(rig: Rig) -> None:
    _, headers = await rig.key()
    await made_key(rig, headers, "k1")
    sent = headers | {"Idempotency-Key": "k1"}
    async with rig.client.post("/api/v1/keys", headers=sent, json=WANTED | {"name": "phone"}) as answer:
        assert await problem_of(answer) == (422, "idempotency_mismatch")
    assert await keys_named(rig, "phone") == 0


async def test_a_hundred_racers_have_one_effect(rig: Rig) -> None:
    _, headers = await rig.key()
    answers = await asyncio.gather(*(made_key(rig, headers, "race") for _ in range(100)))
    assert {answer[0] for answer in answers} == {201}
    assert len({answer[1]["secret"] for answer in answers}) == 1
    assert sum(answer[2] == "" for answer in answers) == 1
    assert await keys_named(rig, "laptop") == 1


async def test_keys_of_other_callers_and_organisations_are_others(rig: Rig) -> None:
    callers = [(await rig.key())[1], (await rig.key())[1], (await rig.key("ten_b"))[1]]
    answers = [await made_key(rig, headers, "same") for headers in callers]
    assert len({answer[1]["secret"] for answer in answers}) == 3
    assert all(answer[2] == "" for answer in answers)


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "\u00e4"])
async def test_a_key_that_is_none_is_refused(rig: Rig, key: str) -> None:
    _, headers = await rig.key()
    async with rig.client.post("/api/v1/keys", headers=headers | {"Idempotency-Key": key}, json=WANTED) as answer:
        assert await problem_of(answer) == (400, "bad_idempotency_key")


async def test_a_refusal_is_not_kept(rig: Rig) -> None:
    _, headers = await rig.key()
    status, problem, _ = await made_key(rig, headers, "k1", {"name": "laptop", "scopes": ["no_such"]})
    assert (status, problem["code"]) == (400, "unknown_scope")
    assert (await made_key(rig, headers, "k1"))[0] == 201


async def test_an_answer_is_for_its_caller_alone_and_needs_the_same_rights(rig: Rig) -> None:
    _, headers = await rig.key()
    await made_key(rig, headers, "k1")
    async with rig.client.post("/api/v1/keys", headers={"Idempotency-Key": "k1"}, json=WANTED) as answer:
        assert (await problem_of(answer))[0] == 401


def run_doomed(folder: Path, step: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.doomed_repeats", str(folder), step]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.timeout(900)
def test_a_gateway_that_is_killed_makes_one_key_whenever_that_happens(tmp_path: Path) -> None:
    for step in STEPS:
        assert run_doomed(tmp_path, step).returncode == -signal.SIGKILL, step
    told = json.loads(run_doomed(tmp_path, "none").stdout.splitlines()[-1])
    assert [first["secret"] for first, _ in told["made"]] == [again["secret"] for _, again in told["made"]]
    assert told["keys"] == 1 + len(STEPS), "the one of the caller and the ones that it made"


Answering = Callable[[Request], Awaitable[Response]]


class Direct:
    """Once in front of a handler of the test."""

    def __init__(self, store: Any) -> None:
        self.once = Once(joined(store))

    async def call(self, handle: Answering, *, way: Way = "alone", body: bytes = b"{}", kind: str = "") -> Response:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(b"idempotency-key", b"k"), (b"content-type", kind.encode() or b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "headers": headers}
        request = Request(scope, receive)
        context_of(request).principal = Principal("ten_a", "usr_1", frozenset(), "user")
        return await self.once.answer(request, way, handle)


@pytest.fixture
async def direct() -> AsyncIterator[Direct]:
    store = open_store("sqlite://")
    await store.migrate()
    yield Direct(store)
    await store.close()


async def test_a_repetition_waits_for_the_first_and_is_told_when_that_takes_too_long(
    direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        running.set()
        await release.wait()
        return JSONResponse({"n": 1})

    first = asyncio.create_task(direct.call(slow))
    await running.wait()
    monkeypatch.setattr(once_module, "WAIT_S", 0.05)
    with pytest.raises(Conflict) as told:
        await direct.call(slow)
    assert (told.value.code, told.value.retry_after_s) == ("idempotency_running", 2.0)
    monkeypatch.setattr(once_module, "WAIT_S", 20.0)
    second = asyncio.create_task(direct.call(slow))
    release.set()
    assert (await first).body == (await second).body


@pytest.mark.parametrize("way", ["joined", "alone"])
async def test_what_fails_may_be_tried_again_at_once(direct: Direct, way: Way) -> None:
    async def broken(_request: Request) -> Response:
        raise ZeroDivisionError

    async def well(_request: Request) -> Response:
        return JSONResponse({"n": 2})

    async def refused(_request: Request) -> Response:
        return JSONResponse({}, 503)

    with pytest.raises(ZeroDivisionError):
        await direct.call(broken, way=way)
    assert (await direct.call(refused, way=way)).status_code == 503
    assert (await direct.call(well, way=way)).body == b'{"n":2}'
    assert (await direct.call(broken, way=way)).body == b'{"n":2}'


async def test_a_part_that_fails_takes_the_whole_with_it(direct: Direct) -> None:
    store = joined(direct.once._inner)

    async def swallowing(_request: Request) -> Response:
        async with store.begin("ten_a") as work:
            await work.settings.put("first", {"n": 1})
        try:
            async with store.begin("ten_a"):
                raise InvalidInput("no", "no")
        except InvalidInput:
            return JSONResponse({})
        return JSONResponse({"never": True})

    with pytest.raises(Exception, match="Nothing was changed"):
        await direct.call(swallowing, way="joined")
    async with store.begin("ten_a", read_only=True) as work:
        assert await work.settings.get("first") is None


async def test_what_other_tasks_do_is_not_a_part_of_it(direct: Direct) -> None:
    store = joined(direct.once._inner)
    written = asyncio.Event()

    async def beside() -> None:
        await written.wait()
        async with store.begin("ten_a", read_only=True) as work:
            seen.append(await work.settings.get("first"))

    seen: list[object] = []

    async def handle(_request: Request) -> Response:
        task = asyncio.create_task(beside())
        async with store.begin("ten_a") as work:
            await work.settings.put("first", {"n": 1})
        async with store.begin("ten_a", read_only=True) as work:
            assert await work.settings.get("first") == {"n": 1}
        written.set()
        tasks.append(task)
        return JSONResponse({})

    tasks: list[asyncio.Task[None]] = []
    await direct.call(handle, way="joined")
    await tasks[0]
    assert seen == [{"n": 1}]


async def test_a_stream_is_passed_and_not_kept(direct: Direct) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"data"

    async def stream(_request: Request) -> Response:
        return StreamingResponse(pieces())

    for _ in range(2):
        assert isinstance(await direct.call(stream), StreamingResponse)


async def digest(kind: str, *pieces: bytes) -> str:
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", kind.encode())],
    }
    return await DigestedBody(Request(scope, receive)).sha256()


async def test_a_form_is_the_same_under_another_boundary_and_however_it_is_cut() -> None:
    def form(boundary: str, word: str = "file") -> tuple[str, bytes]:
        body = f"--{boundary}\r\nContent-Disposition: form-data; name=f\r\n\r\n{word}\r\n--{boundary}--\r\n"
        return f"multipart/form-data; boundary={boundary}", body.encode()

    kind, body = form("abcdef0123456789")
    whole = await digest(kind, body)
    for cut in range(1, len(body)):
        assert await digest(kind, body[:cut], body[cut:]) == whole
    assert await digest(*form("ZZZZZZZZ9")) == whole
    assert await digest(*form("ZZZZZZZZ9", "fill")) != whole
    assert await digest("application/json", body) != whole


async def test_a_client_that_gives_no_key_is_answered_anew_each_time(rig: Rig) -> None:
    _, headers = await rig.key()
    for _ in range(2):
        async with rig.client.post("/api/v1/keys", headers=headers, json=WANTED) as answer:
            assert answer.status == 201
    assert await keys_named(rig, "laptop") == 2


async def test_a_forwarded_call_keeps_its_key(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.post("/v1/chat/completions", headers=headers | {"Idempotency-Key": "k1"}, json={}) as answer:
        seen = await answer.json()
    assert ["idempotency-key", "k1"] in seen["headers"]
    assert isinstance(rig.client, aiohttp.ClientSession)
