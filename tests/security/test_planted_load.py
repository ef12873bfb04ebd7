"""The load of bench/security/planted: it goes on until the log has its lines, and finds what stands in a log or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from bench.security import planted_load
from bench.security.planted_load import Load, Log, blocks, scanned
from bench.security.planted_values import Planted


def made() -> Planted:
    planted = Planted(door="here")
    for _ in range(12):
        planted.sentence()
        planted.secret()
    return planted


@dataclass
class Platform:
    """Refuses everything, with a line of log each; quotes what it was sent where told to."""

    log: Path
    quotes: bool = False
    paths: set[str] = field(default_factory=set)

    async def refuse(self, request: web.Request) -> web.Response:
        self.paths.add(f"{request.method} {request.path[:8]}")
        with self.log.open("a") as file:
            file.write('{"event": "refused"}\n')
        body = await request.text()
        return web.Response(status=404, text=body if self.quotes else "no")


@dataclass
class Caller:
    client: aiohttp.ClientSession


async def loaded(platform: Platform, planted: Planted, *, lines: int, left_s: float) -> Load:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.refuse)
    async with TestServer(app) as server, aiohttp.ClientSession(server.make_url("/")) as client:
        load = Load(Caller(client), planted, Log(platform.log), left_s=left_s)  # type: ignore[arg-type]
        await load.until(lines, left_s)
    return load


async def test_it_goes_on_until_the_log_has_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_load, "_LOOK_S", 0.01)
    platform = Platform(tmp_path / "log")
    platform.log.touch()
    load = await loaded(platform, made(), lines=200, left_s=120.0)
    assert Log(platform.log).count() == load.calls == load.refused >= 200
    assert load.leaked == set() and len(platform.paths) >= 5, "by many ways"
    assert 0 < load.left_s < 120.0


async def test_without_time_it_calls_nobody(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "log")
    platform.log.touch()
    assert (await loaded(platform, made(), lines=200, left_s=0.0)).calls <= planted_load.AT_ONCE


async def test_a_refusal_that_quotes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_load, "_LOOK_S", 0.01)
    platform = Platform(tmp_path / "log", quotes=True)
    platform.log.touch()
    planted = made()
    load = await loaded(platform, planted, lines=200, left_s=120.0)
    assert load.leaked and load.leaked <= set(planted.values)


def test_each_value_is_found_wherever_it_stands_in_a_long_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_load, "_BLOCK_BYTES", 500)
    planted, path = made(), tmp_path / "log"
    plain = [f'{{"event": "call_ended", "number": {number}}}' for number in range(300)]
    path.write_text("\n".join(plain) + "\n")
    assert scanned(planted, blocks(path))[1:] == (300, 0, {})
    mixed = [f"{line} {value.text}" for line, value in zip(plain, planted.values, strict=False)]
    text = "\n".join([*plain, *mixed, "Traceback (most recent call last)"]) + "\n"
    path.write_text(text)
    characters, lines, tracebacks, found = scanned(planted, blocks(path))
    assert (characters, lines, tracebacks) == (len(text), 301 + len(mixed), 1)
    assert set(found) == set(planted.values)
