"""Clients that take their time: heads, bodies and connections without a request each have an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from unittest.mock import MagicMock

import pytest
import structlog
import uvicorn
from fastapi import Depends, Request, WebSocket
from tests.support.gateway_rig import gateway_rig
from tests.support.patience import ANSWER_S
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from voiceagent.domain.identity import Principal
from voiceagent.web import edge, protocols
from voiceagent.web.app import Router, create_app
from voiceagent.web.auth import require
from voiceagent.web.serve import Listener, Servers


async def _known(_conn: object) -> Principal | None:
    return Principal("ten_a", "user_1", frozenset({"talk"}))


async def _unknown(_conn: object) -> Principal | None:
    return None


@contextlib.asynccontextmanager
async def running(*, known: bool = True) -> AsyncIterator[int]:
    app = create_app("voice", title="voice", auth=_known if known else _unknown)  # type: ignore[arg-type]
    router = Router()

    @router.post("/v1/sink", dependencies=[Depends(require("talk"))])
    async def sink(request: Request) -> int:
        return len(await request.body())

    app.include_router(router)
    servers = Servers([Listener(app, 0)])
    await servers.start()
    try:
        yield servers.ports[0]
    finally:
        await servers.stop()


def head(length: int) -> bytes:
    return b"POST /v1/sink HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length


async def drip(writer: asyncio.StreamWriter, times: int) -> None:
    """Done only when all has been taken: who is cut off waits to be cancelled."""
    try:
        for _ in range(times):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
    except ConnectionError:
        await asyncio.Event().wait()


async def test_a_body_that_drips_is_refused_however_often_a_byte_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "BODY_WITHIN_S", 0.2)
    async with running() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(100_000))
        dripping = asyncio.create_task(drip(writer, 3000))
        async with asyncio.timeout(ANSWER_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        dripping.cancel()
        writer.close()


async def test_a_body_may_take_longer_the_more_of_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "BODY_WITHIN_S", 0.0)
    monkeypatch.setattr(edge, "LEAST_BYTES_PER_S", 100)
    async with running() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(10_001) + b"x" * 10_000)  # buys 100 s
        await asyncio.sleep(0.05)
        writer.write(b"x")
        async with asyncio.timeout(ANSWER_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_the_rest_of_a_refused_body_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "LINGER_S", 0.1)
    async with running(known=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(100_000))
        dripping = asyncio.create_task(drip(writer, 3000))
        async with asyncio.timeout(ANSWER_S):
            with contextlib.suppress(ConnectionError):
                assert (await reader.read()).startswith(b"HTTP/1.1 401")
        assert not dripping.done()
        dripping.cancel()
        writer.close()


async def test_the_connection_that_waits_longest_goes_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "MAX_IDLE", 3)
    async with running() as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for reader, _ in pairs[:2]:
            async with asyncio.timeout(ANSWER_S):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        reader, writer = pairs[2]
        writer.write(head(1) + b"x")
        async with asyncio.timeout(ANSWER_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in pairs:
            writer.close()


async def test_a_connection_with_a_request_under_way_is_not_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "MAX_IDLE", 2)
    async with gateway_rig() as rig:
        _, headers = await rig.key()
        async with rig.client.ws_connect("/v1/realtime?model=m", headers=headers) as socket:
            port = rig.client._base_url.port if rig.client._base_url else None
            pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
            await socket.send_str("still here")
            async with asyncio.timeout(ANSWER_S):
                while "still here" not in str((await socket.receive()).data):
                    pass
            for _, writer in pairs:
                writer.close()


async def test_an_upgrade_of_a_connection_that_is_being_closed_says_that_the_caller_left() -> None:
    config = uvicorn.Config(lambda: None, **(protocols.protocol_options() | {"lifespan": "off"}))
    config.load()
    config.loaded_app = _waits_for_ever
    socket = protocols.WebSocketProtocol(config, ServerState(), {})
    transport = MagicMock()
    transport.is_closing.return_value = False
    socket.connection_made(transport)
    socket.data_received(
        b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    transport.is_closing.return_value = True
    with pytest.raises(ClientDisconnected):
        await socket.send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    for task in socket.tasks:
        task.cancel()


async def _waits_for_ever(_scope: object, _receive: object, _send: object) -> None:
    await asyncio.Event().wait()


async def test_a_caller_who_leaves_during_a_handshake_is_no_crash() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slowly(_conn: object) -> Principal | None:
        entered.set()
        await leave.wait()
        return Principal("ten_a", "user_1", frozenset({"talk"}))

    app = create_app("voice", title="voice", auth=slowly)  # type: ignore[arg-type]
    router = Router()
    done = asyncio.Event()

    @router.websocket("/v1/echo", dependencies=[Depends(require("talk"))])
    async def echo(websocket: WebSocket) -> None:
        try:
            await websocket.accept()
            await websocket.send_text("hello")
        finally:
            done.set()

    app.include_router(router)
    with structlog.testing.capture_logs() as logs:
        servers = Servers([Listener(app, 0)])
        await servers.start()
        _, writer = await asyncio.open_connection("127.0.0.1", servers.ports[0])
        writer.write(
            b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with asyncio.timeout(ANSWER_S):
            await entered.wait()
            writer.transport.abort()
            await asyncio.sleep(0.05)
            leave.set()
            await done.wait()
        await servers.stop()
    assert [line for line in logs if line["event"] == "request_crashed"] == []
