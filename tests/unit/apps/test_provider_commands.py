"""`voiceagent providers` on a real store, with a model server on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.chat_server import WHOLE, ChatServer, chat_server

from voiceagent.apps.cli import run


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """Runs in a thread of its own: commands have their own event loop."""
    ready, stop = threading.Event(), threading.Event()
    servers: list[ChatServer] = []

    async def serve() -> None:
        async with chat_server() as made:
            made.says(*WHOLE)
            servers.append(made)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield servers[0]
    stop.set()
    thread.join(60)


def test_a_provider_is_added_listed_tried_and_removed(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-of-mine")
    here = ["--data-dir", str(tmp_path), "--set", "routing.allowed_hosts=127.0.0.1", "--json"]
    url = f"openai+{server.url}?model=m&name=mine&price_in=0.4&role=summary&priority=3"
    assert run(["providers", "add", url, "--key-env", "MY_KEY", *here]) == 2, "nothing seals the key yet"
    (tmp_path / "root.key").write_text(base64.b64encode(bytes(range(32))).decode())
    (tmp_path / "root.key").chmod(0o600)
    assert run(["providers", "add", url, "--key-env", "MY_KEY", *here]) == 0
    capsys.readouterr()
    assert run(["providers", "add", url, *here]) == 2
    assert run(["providers", "add", url.replace("mine", "x"), "--data-dir", str(tmp_path), "--json"]) != 0
    capsys.readouterr()
    assert run(["providers", "list", *here]) == 0
    listed = capsys.readouterr().out
    first = json.loads(listed)[0]
    assert (first["name"], first["roles"], first["has_key"], first["source"]) == ("mine", ["summary"], True, "store")
    assert "sk-of-mine" not in listed
    assert b"sk-of-mine" not in b"".join(file.read_bytes() for file in tmp_path.glob("voiceagent.db*"))
    assert run(["providers", "test", "mine", *here]) == 0
    assert server.headers["Authorization"] == "Bearer sk-of-mine"
    server.refuses(500)
    assert run(["providers", "test", "mine", *here]) == 4
    told = ["--kind", "stt", *here]
    assert run(["providers", "add", f"openai+{server.url}?model=w&name=ear&language=de", *told]) == 0
    assert run(["providers", "add", f"openai+{server.url}?model=w&name=mouth&role=chat", *told]) == 2
    capsys.readouterr()
    assert run(["providers", "list", *here]) == 0
    others = {one["name"]: one["kind"] for one in json.loads(capsys.readouterr().out)}
    assert (others["ear"], others["stt:whisper"], others["tts:hibari"]) == ("stt", "stt", "tts")
    assert run(["providers", "test", "ear", *here]) == 4, "a chat server hears nothing"
    other_model = f"openai+{server.url}?model=w&name=space&dimensions=64"
    embedding = ["--kind", "embed", "--set", "embed.url=hashed://?dimensions=64", *here]
    assert run(["providers", "add", other_model, *embedding]) != 0, "vectors of two models"
    assert run(["providers", "remove", "ear", *here]) == 0
    assert run(["providers", "remove", "mine", *here]) == 0
    assert run(["providers", "remove", "mine", *here]) == 2


def test_an_address_of_an_unknown_kind_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["providers", "add", "foo://x", "--data-dir", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unknown_adapter"
