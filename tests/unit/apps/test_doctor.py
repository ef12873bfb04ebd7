"""`voiceagent doctor` asks every part that the settings name, ends in time, says what to do, and leaves no trace."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.ports import free_ports

from voiceagent.apps.cli import run
from voiceagent.apps.config.layers import load
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.diagnosis.finding import Look, looked
from voiceagent.apps.diagnosis.servers import looks_at_servers
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.clock import SystemClock


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_logging: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAULT_TOKEN", raising=False)


@pytest.fixture
def closed() -> str:
    """Where nobody listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def examined(capsys: pytest.CaptureFixture[str], data: Path, **sets: str) -> dict[str, tuple[str, str]]:
    arguments = [word for name, value in sets.items() for word in ("--set", f"{name.replace('__', '.')}={value}")]
    run(["doctor", "--json", "--data-dir", str(data), *arguments])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {one["what"]: (one["state"], one["said"]) for one in found}


@pytest.mark.parametrize(
    ("setting", "url", "advice"),
    [
        ("store.url", "postgresql://u:hidden-word@{}/x", "is the server up"),
        ("cache.url", "redis://:hidden-word@{}/0", "docs/redis.md"),
        ("bus.url", "redis+cluster://{}", "is Redis up"),
        ("blobs.url", "s3://b?endpoint=http://{}&access_key=a&secret_key=hidden-word", "bucket"),
        ("vectors.url", "weaviate://{}", "is Weaviate up"),
        ("llm.url", "openai+http://{}/v1?model=m", "is the server up"),
        ("tts.url", "openai+http://{}/v1?model=m&voice=v", "is the server up"),
        ("stt.url", "openai+http://{}/v1?model=m&key_env=NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
        ("keys.url", "vault+http://{}/transit/k", "VAULT_TOKEN"),
        ("tools.url", "file:///no/such/file.toml", "docs/tools.md"),
    ],
)
def test_a_part_that_cannot_be_reached_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, closed: str, setting: str, url: str, advice: str
) -> None:
    area, name = setting.split(".")
    state, said = examined(capsys, tmp_path / "data", **{f"{area}__{name}": url.format(closed)})[setting]
    assert state == "bad"
    assert advice in said
    assert "hidden-word" not in said


def test_an_unreachable_database_is_no_ok(capsys: pytest.CaptureFixture[str], tmp_path: Path, closed: str) -> None:
    assert run(["doctor", "--data-dir", str(tmp_path / "d"), "--set", f"store.url=postgresql://{closed}/x"]) == 3


def test_nothing_is_made_by_looking(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = examined(capsys, tmp_path / "data")
    assert {found[name][0] for name in ("store.url", "blobs.url", "keys.url", "keys.ring_url")} == {"ok"}
    assert not (tmp_path / "data").exists()


async def keys_made(data: Path) -> None:
    """As the first start makes them."""
    keys = await open_keys(load(environment={}, flags={"data.dir": str(data)}).settings, SystemClock(), make=True)
    assert keys is not None
    await keys.of(DEFAULT_TENANT_ID)
    await keys.close()


def test_a_lost_or_wrong_root_key_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data, other):
        folder.mkdir()
        asyncio.run(keys_made(folder))
    assert examined(capsys, data)["keys.url"] == ("ok", "opens the organisation's keys")
    (other / "root.key").replace(data / "root.key")
    assert examined(capsys, data)["keys.url"][0] == "bad"
    (data / "root.key").unlink()
    state, said = examined(capsys, data)["keys.url"]
    assert (state, "gone" in said) == ("bad", True)
    assert not (data / "root.key").exists()


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_part_that_hangs_is_left_in_time(silent: str) -> None:
    async def hang() -> str:
        host, _, port = silent.partition(":")
        reader, _writer = await asyncio.open_connection(host, int(port))
        return (await reader.read()).decode()

    found = asyncio.run(looked(Look("store.url", hang, "do this"), within_s=0.05))
    assert (found.state, found.said) == ("bad", "no answer within 0.05 s; do this")


async def test_a_server_that_answers_is_fine_and_one_that_refuses_the_key_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def models(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("Authorization") == "Bearer good" else 401)

    app = web.Application()
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    settings = load(
        environment={}, flags={"llm.url": f"openai+http://{host}:{port}/v1?model=m&key_env=DOCTOR_TEST_KEY"}
    ).settings
    try:
        (look,) = looks_at_servers(settings)
        monkeypatch.setenv("DOCTOR_TEST_KEY", "good")
        assert (await looked(look)).state == "ok"
        monkeypatch.setenv("DOCTOR_TEST_KEY", "bad")
        found = await looked(look)
        assert found.state == "bad"
        assert "refuses the key (401)" in found.said
    finally:
        await runner.cleanup()
