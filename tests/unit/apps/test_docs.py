"""`voiceagent docs` against a small gateway on loopback: what is sent, what is shown, how it ends."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from voiceagent.apps.cli import run
from voiceagent.apps.commands.docs.adding import Added, Adding, files_of
from voiceagent.apps.commands.docs.library import library
from voiceagent.kit.errors import InvalidInput, Unauthenticated, Unavailable


@dataclass
class Gateway:
    """Takes documents; each is ready at the second look, those named bad fail."""

    url: str = ""
    uploads: list[dict[str, str]] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)

    def shown(self, number: int, state: str, code: str | None = None) -> dict[str, Any]:
        return {
            "document_id": f"doc_{number}", "state": state, "progress": 0.5, "failure_code": code, "failure_message": code and "It is bad.",
            "kind": "manual", "page_count": 3,
        }  # fmt: skip

    async def upload(self, request: web.Request) -> web.Response:
        if request.headers["authorization"] != "Bearer va_key":
            return web.json_response({"code": "bad_key", "detail": "The key is not valid."}, status=401)
        told: dict[str, str] = {}
        async for part in await request.multipart():
            told[part.name] = part.filename or (await part.read()).decode()
            if part.name == "file":
                told["text"] = (await part.read()).decode()
        self.uploads.append(told)
        if told["file"].startswith("odd"):
            return web.json_response({"code": "type_mismatch", "detail": "It is no text."}, status=415)
        return web.json_response(self.shown(len(self.uploads), "queued"), status=202)

    async def look(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        number = int(name.removeprefix("doc_"))
        self.looks[name] = self.looks.get(name, 0) + 1
        if self.looks[name] == 1:
            return web.json_response(self.shown(number, "parsing"))
        name = self.uploads[number - 1]["file"]
        if name.startswith("locked") and self.passwords[-1:] != ["open"]:
            code = "wrong_password" if self.passwords else "password_needed"
            return web.json_response(self.shown(number, "failed", code))
        bad = name.startswith("bad")
        return web.json_response(self.shown(number, "failed" if bad else "ready", "no_text" if bad else None))

    async def again(self, request: web.Request) -> web.Response:
        self.passwords.append((await request.json())["password"])
        self.looks.clear()
        return web.json_response(self.shown(int(request.match_info["name"].removeprefix("doc_")), "queued"), status=202)

    async def search(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        if not self.asked[-1]["query"]:
            refused = {"code": "invalid_request", "detail": "String should have at least 1 character", "param": "query"}
            return web.json_response(refused, status=422)
        passage = {"title": "Handbook", "page": 4, "score": 0.91, "text": "Unused leave\nexpires."}
        return web.json_response({"items": [passage]})

    async def ask(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        source = {"title": "Handbook", "page": 4, "quote": "Unused leave expires on 31 March."}
        return web.json_response({"answer": "The Handbook says: on 31 March.", "sources": [source]})


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """In a thread of its own: the commands run an event loop themselves."""
    made, loop, ready = Gateway(), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/api/v1/documents", made.upload)
        app.router.add_get("/api/v1/documents/{name}", made.look)
        app.router.add_post("/api/v1/documents/{name}/reindex", made.again)
        app.router.add_post("/api/v1/search", made.search)
        app.router.add_post("/api/v1/ask", made.ask)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield made
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)


class NoScreen:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.codes: list[str] = []

    def asks(self, path: Path, code: str) -> str:
        self.codes.append(code)
        return self.answers.pop(0) if self.answers else ""

    def begins(self, path: Path, size_bytes: int) -> None: ...
    def sent(self, path: Path, count_bytes: int) -> None: ...
    def reads(self, path: Path, state: str, progress: float) -> None: ...
    def ends(self, added: Added) -> None: ...


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_logging: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("voiceagent.apps.commands.docs.adding.LOOK_S", 0.01)


def with_gateway(gateway: Gateway, *arguments: str) -> int:
    return run(["docs", *arguments, "--url", gateway.url, "--key", "va_key"])


def test_a_folder_is_added_file_by_file_and_followed_until_it_can_be_searched(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "papers"
    (folder / "deep" / ".git").mkdir(parents=True)
    for name, text in (
        ("a.txt", "Alpha"),
        ("deep/b ü.md", "Beta"),
        ("deep/.git/c.txt", "no"),
        ("d.exe", "no"),
        (".e.txt", "no"),
    ):
        (folder / name).write_text(text)
    assert with_gateway(gateway, "add", str(folder), "--json", "--collection", "col_1") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(Path(one["path"]).name, one["code"], one["document"]["state"]) for one in told] == [
        ("a.txt", None, "ready"), ("b ü.md", None, "ready"),
    ]  # fmt: skip
    assert sorted((one["file"], one["text"], one["collection_id"]) for one in gateway.uploads) == [
        ("a.txt", "Alpha", "col_1"), ("b ü.md", "Beta", "col_1"),
    ]  # fmt: skip


def test_a_file_that_fails_does_not_keep_the_others_and_the_command_says_so(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bad.txt", "odd.txt", "good.txt"):
        (tmp_path / name).write_text("x")
    assert with_gateway(gateway, "add", "bad.txt", "odd.txt", "good.txt") == 2
    said = capsys.readouterr()
    assert "no_text: It is bad." in said.out
    assert "type_mismatch: It is no text." in said.out
    assert "documents_failed" in said.err
    assert "2 of 3" in said.err


async def test_a_changed_file_becomes_a_new_version_and_a_new_one_is_added(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceagent.apps.commands.docs.adding.WATCH_S", 0.02)
    (tmp_path / "a.txt").write_text("one")
    async with library(gateway.url, "va_key") as books:
        adding = Adding(books, NoScreen(), collection_id=None)
        await adding.add(files_of([tmp_path]))
        watching = asyncio.create_task(adding.watch([tmp_path]))
        await asyncio.sleep(0)
        (tmp_path / "a.txt").write_text("one and two")
        (tmp_path / "b.txt").write_text("other")
        async with asyncio.timeout(60):
            while len(gateway.uploads) < 3:
                await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.wait({watching})
    later = {one["file"]: one for one in gateway.uploads[1:]}
    assert (later["a.txt"]["text"], later["a.txt"]["document_id"]) == ("one and two", "doc_1")
    assert "document_id" not in later["b.txt"]


async def test_the_password_that_is_known_is_tried_before_somebody_is_asked_until_it_is_right(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "locked.pdf").write_text("x")
    screen = NoScreen("no", "open")
    async with library(gateway.url, "va_key") as books:
        added = await Adding(books, screen, collection_id=None, password="guess").add([tmp_path / "locked.pdf"])
    assert [one.code for one in added] == [""]
    assert gateway.passwords == ["guess", "no", "open"]
    assert screen.codes == ["wrong_password", "wrong_password"]


def test_an_encrypted_file_whose_password_nobody_tells_is_named(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked.pdf").write_text("x")
    assert with_gateway(gateway, "add", "locked.pdf") == 2
    assert "password_needed" in capsys.readouterr().out
    assert gateway.passwords == []
    monkeypatch.setenv("VOICEAGENT_DOCUMENT_PASSWORD", "open")
    assert with_gateway(gateway, "add", "locked.pdf") == 0
    assert gateway.passwords == ["open"]


def test_what_is_not_there_is_refused_before_anything_is_sent(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert with_gateway(gateway, "add", "absent.pdf") == 2
    assert with_gateway(gateway, "add", "empty") == 2
    assert gateway.uploads == []
    with pytest.raises(InvalidInput):
        files_of([tmp_path / "absent"])


async def test_a_wrong_key_and_a_gateway_that_is_gone_end_everything(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    async with library(gateway.url, "va_wrong") as books:
        with pytest.raises(Unauthenticated):
            await Adding(books, NoScreen(), collection_id=None).add([tmp_path / "a.txt"])
    async with library("http://127.0.0.1:9", "va_key") as books:
        with pytest.raises(Unavailable):
            await Adding(books, NoScreen(), collection_id=None).add([tmp_path / "a.txt"])


def test_search_prints_passages(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_gateway(gateway, "search", "leave", "--limit", "3", "--collection", "col_1") == 0
    assert capsys.readouterr().out.splitlines() == ["Handbook, page 4  0.91", "  Unused leave expires."]
    assert gateway.asked == [{"query": "leave", "limit": 3, "collection_ids": ["col_1"]}]


def test_ask_prints_the_answer_and_its_sources(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_gateway(gateway, "ask", "When does it expire?", "--agent", "agent_hr") == 0
    said = capsys.readouterr().out
    assert "The Handbook says: on 31 March." in said
    assert "Handbook, page 4: Unused leave expires on 31 March." in said
    assert gateway.asked == [{"question": "When does it expire?", "collection_ids": None, "agent_id": "agent_hr"}]
    assert with_gateway(gateway, "ask", "When?", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sources"][0]["page"] == 4


def test_a_refused_field_is_named(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_gateway(gateway, "search", "") == 2
    told = capsys.readouterr().err
    assert told == "voiceagent: query: String should have at least 1 character [invalid_request]\n"
