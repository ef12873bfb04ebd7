"""Servers: several apps in one loop, bind errors that name the port, lifespans all or nothing, bounds on heads and fragments."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.requests import HTTPConnection
from tests.support.ports import free_ports

from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import Misconfigured
from voiceagent.web import protocols, serve
from voiceagent.web.app import Router, create_app
from voiceagent.web.auth import require
from voiceagent.web.serve import Listener, Servers


async def everyone(_conn: HTTPConnection) -> Principal | None:
    return Principal("ten_a", "usr_a", frozenset({"talk"}))


def made_app(name: str, lifespan: Any = None) -> FastAPI:
    app = create_app(name, title=name, auth=everyone, lifespan=lifespan)
    router = Router()

    @router.websocket("/v1/echo", dependencies=[Depends(require("talk"))])
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    app.include_router(router)
    return app


@asynccontextmanager
async def running(*apps: FastAPI) -> AsyncIterator[Servers]:
    servers = Servers([Listener(app, 0) for app in apps], drain_s=1)
    await servers.start()
    try:
        yield servers
    finally:
        await servers.stop()


async def test_nobody_is_taken_at_a_port_while_what_holds_the_loop_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    taken: list[bool] = []
    collect = serve.gc.collect

    def look() -> int:
        with socket.socket() as caller:
            taken.append(caller.connect_ex(("127.0.0.1", port)) == 0)
        return collect()

    monkeypatch.setattr(serve.gc, "collect", look)
    servers = Servers([Listener(made_app("gateway"), port)], drain_s=1)
    await servers.start()
    await servers.stop()
    assert taken == [False]


_FIRST_CALL = """
import asyncio, sys
from fastapi import Depends
from voiceagent.web.app import Router, create_app
from voiceagent.web.auth import anyone
from voiceagent.web.serve import Listener, Servers

async def nobody(conn): return None

def plain(): return 1

async def main():
    app = create_app("any", title="any", auth=nobody)
    router = Router()

    @router.get("/.well-known/jwks.json", dependencies=[Depends(anyone)])
    async def answer(number: int = Depends(plain)) -> int:
        return number

    app.include_router(router)
    servers = Servers([Listener(app, 0)], drain_s=1)
    await servers.start()
    before = set(sys.modules)
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
    writer.write(b"GET /.well-known/jwks.json HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
    said = await reader.read()
    print(said.split()[1].decode(), sorted(set(sys.modules) - before))
    writer.close()
    await servers.stop()

asyncio.run(main())
"""


def test_the_first_call_waits_for_no_code_to_be_loaded() -> None:
    run = subprocess.run([sys.executable, "-c", _FIRST_CALL], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "200 []", run.stdout


async def test_several_apps_answer_on_their_ports_and_stop() -> None:
    async with running(made_app("gateway"), made_app("engine")) as servers, aiohttp.ClientSession() as client:
        for port in servers.ports:
            async with client.get(f"http://127.0.0.1:{port}/health/live") as answer:
                assert answer.status == 200
                assert "server" not in answer.headers
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", servers.ports[0])


async def test_a_taken_port_is_named_and_nothing_else_is_started() -> None:
    async with running(made_app("first")) as first:
        taken = first.ports[0]
        second = Servers([Listener(made_app("a"), 0), Listener(made_app("b"), taken)])
        with pytest.raises(Misconfigured) as refused:
            await second.start()
        assert refused.value.code == "port_taken"
        assert str(taken) in refused.value.message


async def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(Misconfigured) as refused:
        await Servers([Listener(made_app("a"), 0, host="192.0.2.1")]).start()
    assert refused.value.code == "host_not_local"


async def test_a_failing_lifespan_undoes_the_others() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def good(_app: FastAPI) -> AsyncIterator[None]:
        seen.append("opened")
        try:
            yield
        finally:
            seen.append("closed")

    @asynccontextmanager
    async def bad(_app: FastAPI) -> AsyncIterator[None]:
        raise Misconfigured("store_newer", "The data is newer.")
        yield

    servers = Servers([Listener(made_app("bad", bad), 0), Listener(made_app("good", good), 0)])
    with pytest.raises(Misconfigured, match="newer"):
        await servers.start()
    assert seen == ["opened", "closed"]


async def test_a_message_in_too_many_fragments_is_refused() -> None:
    async with running(made_app("voice")) as servers:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        await handshake(reader, writer)
        writer.write(bytes([0x01, 0x80]) + b"\0\0\0\0")  # empty text frame, more to come
        for _ in range(protocols.MAX_FRAGMENTS + 1):
            writer.write(bytes([0x00, 0x80]) + b"\0\0\0\0")
        async with asyncio.timeout(60):
            frame = await reader.readexactly(4)
        assert frame[0] == 0x88
        assert int.from_bytes(frame[2:4], "big") == 1008
        writer.close()


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"permessage-deflate" not in head.lower()


async def test_an_oversized_head_is_refused() -> None:
    async with running(made_app("voice")) as servers:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        writer.write(b"GET /health/live HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(4000):
                writer.write(b"x-%d: %s\r\n" % (number, b"y" * 100))
                await writer.drain()
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                assert (await reader.readline()).startswith(b"HTTP/1.1 431")
        writer.close()


LINE = b"GET /health/live HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (LINE + b"Host: x\r\nX: " + b"y" * 15_000 + b"\r\n\r\n", 200, b""),
        (LINE + b"Host: x\r\nX: " + b"y" * 17_000 + b"\r\n\r\n", 431, b"head_too_large"),
        (LINE + b"Host: x\r\n" + b"X: y\r\n" * 99 + b"\r\n", 200, b""),
        (LINE + b"Host: x\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431, b"head_too_large"),
        (b"GET /health/live?" + b"y" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 200, b""),
        (b"GET /health/live?" + b"y" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, b"url_too_long"),
        (LINE + b"Host: x\r\nHost: x\r\n\r\n", 400, b"bad_host"),
        (LINE + b"Accept: */*\r\n\r\n", 400, b"bad_host"),
        (LINE + b"Host: x\r\nX: a\0b\r\n\r\n", 400, b"bad_http"),
        (b"GET /health/live\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"bad_http"),
        (b"GET /health/live HTTP/1.1\nHost: x\n\n", 400, b"bad_http"),
        (b"nonsense\r\n\r\n", 400, b"bad_http"),
        (b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, b"bad_host"),
    ],
)  # fmt: skip
async def test_a_head_that_comes_in_one_piece_has_the_same_bounds(head: bytes, status: int, code: bytes) -> None:
    async with running(made_app("voice")) as servers:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        inner = LINE + b"Host: x\r\nConnection: close\r\n\r\n"
        writer.write(head + inner)  # what follows a refused head in the same bytes is not answered
        async with asyncio.timeout(60):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        if status != 200:
            assert answer.count(b"HTTP/1.1") == 1 and b'"code": "%s"' % code in answer
            assert b"application/problem+json" in answer
        writer.close()


async def test_a_head_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "HEAD_WITHIN_S", 0.05)
    async with running(made_app("voice")) as servers:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n")
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()


async def test_an_upgrade_with_an_oversized_header_is_answered_not_forgotten() -> None:
    async with running(made_app("voice")) as servers:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        writer.write(
            b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Long: " + b"y" * 9000
            + b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )  # fmt: skip
        async with asyncio.timeout(60):
            assert (await reader.read()).startswith(b"HTTP/1.1 431")
        writer.close()
