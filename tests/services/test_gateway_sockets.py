"""The gateway passes WebSockets on: refused before the upgrade, both ways unread, bounded, ends passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.support.gateway_rig import Rig, gateway_rig
from tests.support.patience import ANSWER_S

from voiceagent.kit.errors import InvalidInput, NotFound, Problem, Unauthenticated, Unavailable
from voiceagent.web import protocols


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


PATH = "/v1/realtime?model=m"


async def test_credentials_are_checked_before_the_upgrade(rig: Rig) -> None:
    _, analyst = await rig.key(role="analyst")
    cases: list[tuple[dict[str, str], tuple[str, ...], int]] = [
        ({}, (), 401),
        ({"Authorization": "Bearer nonsense"}, (), 401),
        ({}, ("realtime", "openai-insecure-api-key.nonsense"), 401),
        (analyst, (), 403),
    ]
    for headers, names, status in cases:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.client.ws_connect(PATH, headers=headers, protocols=names)
        assert refused.value.status == status


async def test_a_raw_handshake_without_credentials_gets_401_and_the_openai_body(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(
        b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with asyncio.timeout(ANSWER_S):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401")
    assert b'"code": "missing_credentials"' in answer
    writer.close()


async def test_a_browser_key_opens_and_does_not_reach_the_service(rig: Rig) -> None:
    _, headers = await rig.key()
    secret = headers["Authorization"].removeprefix("Bearer ")
    names = ("realtime", f"openai-insecure-api-key.{secret}")
    async with rig.client.ws_connect(PATH, protocols=names) as socket:
        assert socket.protocol == "realtime"
        assert await socket.receive_json() == {"protocols": ["realtime"], "query": "model=m"}


async def test_messages_pass_unchanged_both_ways_up_to_15_mebibytes(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers, max_msg_size=0) as socket, asyncio.timeout(ANSWER_S):
        await socket.receive_json()
        for text in ("", "é\U0001f600", "x" * (15 * 1024 * 1024)):
            await socket.send_str(text)
            assert await socket.receive_str() == text
        for data in (b"", bytes(range(256)), b"\xff" * 1_000_000):
            await socket.send_bytes(data)
            assert await socket.receive_bytes() == data


async def test_close_codes_pass_both_ways(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        await socket.send_str("close")
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4444, "enough")
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        await socket.close(code=4001)
    async with asyncio.timeout(ANSWER_S):
        await rig.probe.socket_closed.wait()
    assert rig.probe.close_code == 4001


async def test_a_caller_who_vanishes_ends_the_session_at_the_service(rig: Rig) -> None:
    _, headers = await rig.key()
    socket = await rig.client.ws_connect(PATH, headers=headers)
    await socket.receive_json()
    connection = socket._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.abort()
    async with asyncio.timeout(ANSWER_S):
        await rig.probe.socket_closed.wait()


async def test_a_service_that_stops_closes_with_a_code_on_which_clients_come_back(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        stopping = asyncio.create_task(rig.services.stop())
        async with asyncio.timeout(ANSWER_S):
            message = await socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data in (1012, 1013)
        await stopping


async def test_a_dead_service_refuses_the_handshake(rig: Rig) -> None:
    _, headers = await rig.key()
    await rig.services.stop()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.client.ws_connect(PATH, headers=headers)
    assert refused.value.status == 503


@pytest.mark.parametrize(
    ("refusal", "status", "later"),
    [
        (Unavailable("voice_full", "no room", retry_after_s=5.0), 503, "5"),
        (InvalidInput("unknown_model", "there is no model of that name"), 400, None),
        (NotFound("agent_not_found", "there is no such agent"), 404, None),
    ],
)
async def test_what_the_service_says_of_a_handshake_reaches_the_caller(
    rig: Rig, refusal: Problem, status: int, later: str | None
) -> None:
    rig.probe.refusal = refusal
    _, headers = await rig.key()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.client.ws_connect(f"{PATH}&refuse=1", headers=headers)
    told = refused.value.headers
    assert told is not None
    assert (refused.value.status, told["x-voiceagent-code"], told.get("Retry-After")) == (status, refusal.code, later)


async def test_a_service_that_takes_no_token_of_the_gateway_is_not_the_callers_fault(rig: Rig) -> None:
    rig.probe.refusal = Unauthenticated("bad_token", "the token is not valid")
    _, headers = await rig.key()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.client.ws_connect(f"{PATH}&refuse=1", headers=headers)
    assert refused.value.status == 503


async def test_a_caller_who_never_reads_is_bounded_and_then_dropped(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "STALL_WITHIN_S", 0.3)
    monkeypatch.setattr(protocols, "LINGER_S", 0.3)
    _, headers = await rig.key()
    socket = await rig.client.ws_connect(PATH, headers=headers)
    await socket.receive_json()
    await socket.send_str("flood")
    connection = socket._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.pause_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(ANSWER_S):
        await rig.probe.socket_closed.wait()
    assert 0 < rig.probe.sent_messages < 600, "of 4,000 messages of 64 KiB only what kernel and buffers hold"
    links = rig.app.state.gateway.links
    async with asyncio.timeout(ANSWER_S):
        while links.to("voice").all[0].outstanding:
            await asyncio.sleep(0.01)


async def test_compression_is_not_negotiated(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers, compress=15) as socket:
        assert socket.compress == 0


async def test_pages_of_foreign_origins_are_refused_and_programs_are_not(rig: Rig) -> None:
    _, headers = await rig.key()
    for origin in ("http://evil.example", "null", "", f"http://127.0.0.1:{rig.port}.evil.example"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.client.ws_connect(PATH, headers=headers | {"Origin": origin})
        assert refused.value.status == 403
    for origin in (f"http://127.0.0.1:{rig.port}", "https://console.example"):
        async with rig.client.ws_connect(PATH, headers=headers | {"Origin": origin}) as socket:
            assert "query" in await socket.receive_json()
