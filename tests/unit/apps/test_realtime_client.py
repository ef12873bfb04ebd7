"""The command line's own client, against a small server that speaks the protocol."""

from __future__ import annotations

import base64
import gc
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from voiceagent.apps.commands import realtime
from voiceagent.apps.commands.ask import write_wav
from voiceagent.apps.commands.talk import Speaker
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, StorageFull, Unauthenticated, Unavailable

TONE = b"\x00\x40" * 4_800  # 0.2 s
Serve = Callable[[Callable[[web.WebSocketResponse], Awaitable[None]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(script: Callable[[web.WebSocketResponse], Awaitable[None]]) -> str:
        async def socket(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != "Bearer va_good":
                return web.Response(status=401)
            response = web.WebSocketResponse()
            await response.prepare(request)
            await response.send_json({"type": "session.created"})
            await script(response)
            return response

        app = web.Application()
        app.router.add_get("/v1/realtime", socket)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


def sound(pcm: bytes) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "item_id": "i", "delta": base64.b64encode(pcm).decode()}


async def until_spoken(socket: web.WebSocketResponse) -> bytes:
    """Sound of the client up to its first silence."""
    heard = b""
    async for message in socket:
        event = message.json()
        assert event["type"] == "input_audio_buffer.append"
        pcm = base64.b64decode(event["audio"])
        assert len(pcm) == 960
        if not any(pcm):
            break
        heard += pcm
    return heard


async def test_a_question_is_spoken_and_its_answer_gathered(serve: Serve) -> None:
    heard: list[bytes] = []

    async def answer(socket: web.WebSocketResponse) -> None:
        heard.append(await until_spoken(socket))
        await socket.send_json({"type": "input_audio_buffer.speech_started"})
        await socket.send_json(
            {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Hello."}
        )
        await socket.send_json({"type": "response.created"})
        await socket.send_json({"type": "response.output_audio_transcript.delta", "delta": "Good "})
        await socket.send_json({"type": "response.output_audio_transcript.delta", "delta": "day."})
        await socket.send_json(sound(bytes(960)))
        await socket.send_json(sound(TONE))
        await socket.send_json(
            {
                "type": "response.done",
                "response": {"status": "completed"},
                "voiceagent": {"timings": {"first_token": 12}},
            }
        )
        await socket.receive()

    asked = await realtime.ask(await serve(answer), "va_good", TONE)
    assert heard == [TONE]
    assert (asked.heard, asked.answered, asked.status) == ("Hello.", "Good day.", "completed")
    assert bytes(asked.audio) == bytes(960) + TONE
    assert asked.timings_ms == {"first_token": 12.0}
    assert asked.latency_ms is not None
    assert asked.latency_ms > 0


async def test_an_answer_that_was_talked_over_is_not_the_answer(serve: Serve) -> None:
    async def answer(socket: web.WebSocketResponse) -> None:
        await until_spoken(socket)
        await socket.send_json({"type": "input_audio_buffer.speech_started"})
        for words, status in (("Too early", "cancelled"), ("At last", "completed")):
            await socket.send_json({"type": "response.created"})
            await socket.send_json({"type": "response.output_audio_transcript.delta", "delta": words})
            await socket.send_json({"type": "response.done", "response": {"status": status}})
        await socket.receive()

    assert (await realtime.ask(await serve(answer), "va_good", TONE)).answered == "At last"


async def test_a_wrong_key_is_told_apart_from_a_dead_gateway(serve: Serve) -> None:
    async def nothing(_: web.WebSocketResponse) -> None:
        return

    url = await serve(nothing)
    with pytest.raises(Unauthenticated):
        await realtime.ask(url, "va_bad", TONE)
    with pytest.raises(Unavailable) as raised:
        await realtime.ask("http://127.0.0.1:9", "va_good", TONE)
    assert raised.value.code == "gateway_unreachable"


async def test_a_gateway_that_hangs_up_is_told_at_once(serve: Serve) -> None:
    async def hang_up(socket: web.WebSocketResponse) -> None:
        await socket.close()

    with pytest.raises(Unavailable) as raised:
        await realtime.ask(await serve(hang_up), "va_good", TONE)
    assert raised.value.code == "gateway_closed"


async def test_silence_and_a_missing_answer_end_within_their_bounds(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "NOTHING_HEARD_S", 0.05)

    async def deaf(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            pass

    async def dumb(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "input_audio_buffer.speech_started"})
        await deaf(socket)

    with pytest.raises(InvalidInput, match="no speech"):
        await realtime.ask(await serve(deaf), "va_good", bytes(9_600))
    monkeypatch.setattr(realtime, "NOTHING_HEARD_S", 60.0)
    monkeypatch.setattr(realtime, "ANSWER_S", 0.05)
    with pytest.raises(DeadlineExceeded, match="no answer"):
        await realtime.ask(await serve(dumb), "va_good", TONE)


async def test_an_error_of_the_platform_is_passed_on_with_its_code(serve: Serve) -> None:
    async def fail(socket: web.WebSocketResponse) -> None:
        await until_spoken(socket)
        await socket.send_json({"type": "input_audio_buffer.speech_started"})
        await socket.send_json({"type": "error", "error": {"code": "llm_unavailable", "message": "the model is away"}})
        await socket.receive()

    with pytest.raises(Unavailable, match="the model is away") as raised:
        await realtime.ask(await serve(fail), "va_good", TONE)
    assert raised.value.code == "llm_unavailable"


def test_the_speaker_plays_in_order_and_knows_how_far_it_is() -> None:
    speaker = Speaker()
    assert speaker.take(4) == bytes(4)
    speaker.play("item_1", b"\x01\x02" * 480)
    assert speaker.take(480) == b"\x01\x02" * 240
    assert speaker.position() == ("item_1", 10)
    speaker.hush()
    assert speaker.take(4) == bytes(4)
    speaker.play("item_2", b"\x01\x02")
    assert speaker.position() == ("item_2", 0)


async def test_a_line_that_breaks_is_entered_again_in_the_same_conversation() -> None:
    asked: list[str] = []

    async def socket(request: web.Request) -> web.StreamResponse:
        asked.append(request.query.get("conversation_id", ""))
        if len(asked) == 2:
            return web.Response(status=503)  # the other process is not found at once
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_json({"type": "session.created", "session": {"voiceagent": {"conversation_id": "conv_7"}}})
        if len(asked) == 1:
            assert request.transport is not None
            request.transport.abort()
        await response.receive()
        return response

    app = web.Application()
    app.router.add_get("/v1/realtime", socket)
    async with TestServer(app) as server:
        line = realtime.connected(str(server.make_url("")).rstrip("/"), "va_good")
        async with line as first:
            assert (await first.receive()).type is not aiohttp.WSMsgType.TEXT
            assert first.close_code != aiohttp.WSCloseCode.OK
        async with line as second:
            await second.close()
    assert asked == ["", "conv_7", "conv_7"]


def test_a_reply_that_cannot_be_written_is_told_and_leaves_nothing_half_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(StorageFull, match="No such file"):
        write_wav(tmp_path / "none" / "reply.wav", realtime.Asked(audio=bytearray(4)))
    gc.collect()
    assert ignored == []
    write_wav(tmp_path / "reply.wav", realtime.Asked(audio=bytearray(4)))
    with wave.open(str(tmp_path / "reply.wav")) as file:
        assert (file.getnframes(), file.getframerate()) == (2, realtime.WIRE_RATE_HZ)
