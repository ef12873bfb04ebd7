"""The contract of ports.tools.Tools: tools over HTTP, against a real server on loopback; and the file that describes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from voiceagent.adapters.tools.file import open_tools
from voiceagent.adapters.tools.http import HttpTools
from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import ToolUse
from voiceagent.kit.errors import Misconfigured

CALLER = Principal("ten_a", "usr_a", frozenset({"talk"}))


@dataclass
class Server:
    url: str = ""
    answer: Any = "nine to five"
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((dict(request.headers), await request.json()))
        made = self.answer(request) if callable(self.answer) else web.Response(text=self.answer)
        return await made if asyncio.iscoroutine(made) else made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def described(folder: Path, url: str, more: str = "", *, timeout_s: float = 30.0) -> HttpTools:
    file = folder / "tools.toml"
    file.write_text(
        f"""
        [[tool]]
        name = "pay"
        description = "Pays money."
        title = "send money"
        url = "{url}/pay"
        key_env = "PAY_KEY"
        effect = "write"
        confirm = true
        timeout_s = {timeout_s}
        bound = {{ account = "subject" }}
        {more}
        [tool.parameters.properties.cents]
        type = "integer"
        """
    )
    return open_tools(file.as_uri())


@pytest.fixture
async def tools(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpTools]:
    monkeypatch.setenv("PAY_KEY", "canary-key")
    made = described(tmp_path, server.url)
    yield made
    await made.close()


async def ran(tools: HttpTools) -> tuple[bool, str]:
    [tool] = tools.all
    result = await tools.run(CALLER, ToolUse(tool, {"cents": 5}, {"account": "usr_a"}), key="k1")
    return result.ok, result.text


async def test_it_is_called_once_with_arguments_caller_key_and_the_same_intention(
    tools: HttpTools, server: Server
) -> None:
    assert await ran(tools) == (True, "nine to five")
    [(headers, body)] = server.asked
    assert body == {
        "tool": "pay",
        "arguments": {"cents": 5, "account": "usr_a"},
        "caller": {"tenant_id": "ten_a", "subject": "usr_a"},
    }
    assert headers["Authorization"] == "Bearer canary-key"
    assert headers["Idempotency-Key"] == "k1"
    assert "canary-key" not in repr(tools.__dict__)


async def _slow(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response(text="late")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: web.Response(status=500, text="canary"), "the tool failed with status 500"),
        (lambda _: web.Response(status=302, headers={"Location": "/elsewhere"}), "the tool failed with status 302"),
        (
            lambda _: web.Response(body=b"\x00\x01", content_type="image/png"),
            "the tool answered with something that is no text",
        ),
        (lambda _: web.Response(text="x" * 70_000), "the tool's answer is too long"),
    ],
)
async def test_what_goes_wrong_is_a_result_that_is_not_ok(
    tools: HttpTools, server: Server, answer: Any, said: str
) -> None:
    server.answer = answer
    assert await ran(tools) == (False, said)
    assert len(server.asked) == 1, "nothing is followed or tried again"


async def test_what_is_late_is_a_result_that_is_not_ok(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAY_KEY", "canary-key")
    server.answer = _slow
    tools = described(tmp_path, server.url, timeout_s=0.5)
    assert await ran(tools) == (False, "the tool did not answer in time")
    assert len(server.asked) <= 1, "nothing is tried again"
    await tools.close()


async def test_an_answer_in_json_is_passed_on_as_it_is(tools: HttpTools, server: Server) -> None:
    server.answer = lambda _: web.json_response({"paid": True})
    ok, text = await ran(tools)
    assert ok
    assert json.loads(text) == {"paid": True}


async def test_a_server_that_is_gone_is_a_result_that_is_not_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAY_KEY", "x")
    tools = described(tmp_path, "http://127.0.0.1:9")
    assert await ran(tools) == (False, "the tool cannot be reached")
    await tools.close()


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "ftp://x", "http://user:pw@x/", "http://0x7f.1/", "http:///x", ""]
)
def test_where_it_runs_must_be_a_plain_address(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_KEY", "x")
    with pytest.raises(Misconfigured) as caught:
        described(tmp_path, url)
    assert caught.value.code == "bad_tools"
    assert "pay" in caught.value.message


@pytest.mark.parametrize(
    "more", ['colour = "red"', "calls_a_turn = 0", 'name = "pay"', "[tool.parameters]\n'$ref' = 'http://x/schema'"]
)
def test_a_mistake_in_the_file_is_told(more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_KEY", "x")
    with pytest.raises(Misconfigured):
        described(tmp_path, "https://example.org", more)


def test_a_key_that_is_not_there_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAY_KEY", raising=False)
    with pytest.raises(Misconfigured, match="PAY_KEY"):
        described(tmp_path, "https://example.org")


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        open_tools((tmp_path / "nothing.toml").as_uri())
