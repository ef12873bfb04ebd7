"""The latency harness against servers of known delay: what it reports must be what they did."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiohttp import WSMsgType, web
from tests.support.patience import Lag

sys.path.insert(0, str(Path(__file__).parents[3] / "bench" / "latency"))

import barge_in
import ours
import peer
import questions
import report
import sound

TONE = (9_000 * np.sin(np.arange(2_400) / 5)).astype("<i2").tobytes()
KEY = "k"
UP = web.AppKey("up", Callable[[], Awaitable[None]])


def _question(seconds: float = 0.4) -> questions.Question:
    voiced = (6_000 * np.sin(np.arange(int(16_000 * seconds)) / 8)).astype(np.int16)
    return questions.Question("tone", "", voiced, np.zeros(16_000 * 12, np.int16))


class _Realtime:
    """A realtime server that answers `delay_s` after the sound stops being loud; lead: silent bytes in front of the answer."""

    def __init__(self, *, delay_s: float = 0.2, lead: bytes = b"", early: bool = False, mute: bool = False) -> None:
        self.delay_s, self.lead, self.early, self.mute = delay_s, lead, early, mute
        self.frames: list[bytes] = []
        self.last_loud_s = 0.0
        self.answer: asyncio.Task[None] | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "session.created", "session": {}})
        if self.early:
            await self._delta(socket, TONE)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._take(socket, json.loads(message.data))
        return socket

    async def _take(self, socket: web.WebSocketResponse, event: dict[str, object]) -> None:
        if event["type"] == "response.create":
            self.answer = asyncio.create_task(self._talk(socket))
        if event["type"] != "input_audio_buffer.append":
            return
        pcm = base64.b64decode(str(event["audio"]))
        self.frames.append(pcm)
        if np.abs(np.frombuffer(pcm, "<i2")).max() > 1_000:
            self.last_loud_s = time.perf_counter()
            if self.answer is not None:
                self.answer.cancel()
        elif self.last_loud_s and not self.mute and time.perf_counter() - self.last_loud_s >= self.delay_s:
            self.last_loud_s = 0.0
            await self._delta(socket, self.lead + TONE)
            timings = {"soft_end_ms": 60.0, "committed_ms": 150.0, "first_audio_ms": None, "audio_in_s": 1.0}
            await socket.send_json({"type": "response.done", "response": {"voiceagent": {"timings": timings}}})

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        while True:
            await self._delta(socket, TONE)
            await asyncio.sleep(0.05)

    async def _delta(self, socket: web.WebSocketResponse, pcm: bytes) -> None:
        await socket.send_json({"type": "response.output_audio.delta", "delta": base64.b64encode(pcm).decode()})


@pytest.fixture
async def site() -> AsyncIterator[tuple[web.Application, list[str]]]:
    """An application whose address appears in the list once a test has filled it and called `up`."""
    app = web.Application()
    urls: list[str] = []
    runner = web.AppRunner(app, shutdown_timeout=1)

    async def up() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        urls.append(f"ws://127.0.0.1:{runner.addresses[0][1]}")

    app[UP] = up
    yield app, urls
    await runner.cleanup()


async def _realtime(site: tuple[web.Application, list[str]], server: _Realtime) -> str:
    app, urls = site
    app.router.add_get("/v1/realtime", server.serve)
    await app[UP]()
    return f"{urls[0]}/v1/realtime?model=m"


async def test_the_delay_of_the_server_is_what_is_reported(site: tuple[web.Application, list[str]]) -> None:
    server = _Realtime(delay_s=0.2)
    async with Lag() as lag:
        answer = await ours.ask(await _realtime(site, server), KEY, _question())
    assert answer.received_ms is not None
    assert 180 < answer.received_ms < 900 + lag.ms
    assert answer.stages_ms == {"soft_end_ms": 60.0, "committed_ms": 150.0}
    assert not answer.early
    assert {len(frame) for frame in server.frames} == {960}


async def test_frames_leave_at_the_pace_of_time() -> None:
    sent: list[float] = []

    async def send(_frame: bytes) -> None:
        sent.append(time.perf_counter())

    began_s = time.perf_counter()
    await sound.speak([b""] * 10, send)
    assert all(at - began_s >= (number + 1) * sound.FRAME_S for number, at in enumerate(sent))


async def test_silence_in_front_of_a_voice_counts_as_heard_but_not_as_received(
    site: tuple[web.Application, list[str]],
) -> None:
    answer = await ours.ask(await _realtime(site, _Realtime(lead=bytes(24_000))), KEY, _question())
    assert answer.received_ms is not None
    assert answer.heard_ms is not None
    assert answer.heard_ms - answer.received_ms == pytest.approx(500, abs=5)


async def test_an_answer_before_the_caller_has_finished_is_early(site: tuple[web.Application, list[str]]) -> None:
    answer = await ours.ask(await _realtime(site, _Realtime(early=True)), KEY, _question())
    assert answer.early
    assert answer.received_ms is None


async def test_no_answer_is_no_answer(site: tuple[web.Application, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "ANSWER_S", 0.3)
    answer = await ours.ask(await _realtime(site, _Realtime(mute=True)), KEY, _question())
    assert answer.received_ms is None
    assert not answer.early


async def test_a_barge_in_is_counted_from_the_first_voiced_frame(
    site: tuple[web.Application, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barge_in, "TALKING_S", 0.2)
    monkeypatch.setattr(barge_in, "first_voiced", lambda _question: 0)
    async with Lag() as lag:
        one = await barge_in.barge_in(await _realtime(site, _Realtime(mute=True)), KEY, _question(1.5))
    assert one.last_sound_ms is not None
    assert one.last_sound_ms < 500 + lag.ms


async def test_pipecats_frames_are_understood(site: tuple[web.Application, list[str]]) -> None:
    heard: list[bytes] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("ready")
        async for message in socket:
            heard.append(peer.audio_in(message.data))
            if len(heard) == 30:
                await socket.send_bytes(b"\x1a\x03\x12\x01x" + peer.audio_frame(TONE, 24_000))
        return socket

    app, urls = site
    app.router.add_get("/ws", serve)
    await app[UP]()
    async with Lag() as lag:
        answer = await peer.ask(f"{urls[0]}/ws", _question())
    assert answer.received_ms is not None
    assert 150 - lag.ms < answer.received_ms < 900 + lag.ms
    assert {len(frame) for frame in heard} == {640}


def test_the_last_voiced_sample_is_found_and_the_tail_is_quiet() -> None:
    clips = sorted((Path(__file__).parents[2] / "data" / "speech").glob("turn-complete-*.flac"))
    if not clips:
        pytest.skip("missing: tests/data/speech/turn-complete-*.flac")
    question = questions._question(clips[0], "clip", "")
    assert 1.5 < question.seconds < 6
    assert len(question.tail) == questions.TAIL_S * 16_000
    assert np.abs(question.tail.astype(int)).mean() < np.abs(question.sound.astype(int)).mean() / 4


def test_figures_leave_out_what_was_not_answered() -> None:
    answers = [
        sound.Answer(received_ms=400, heard_ms=420, stages_ms={"committed_ms": 200.0}),
        sound.Answer(received_ms=600, heard_ms=620, stages_ms={"committed_ms": 300.0}),
        sound.Answer(early=True),
        sound.Answer(),
    ]
    made = report.figures(answers)
    assert (made["asked"], made["answered"], made["cut_in"]) == (4, 2, 1)
    assert made["received_ms_p50"] == 500
    assert report.stage_medians(answers) == {"committed": 250.0}


def test_a_run_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run: report.Run = {
        "ours": [("q", sound.Answer(received_ms=400, heard_ms=420, stages_ms={"committed_ms": 200.0}))],
        "peer": [("q", sound.Answer(received_ms=1000, heard_ms=1300))],
    }
    results = report.printed(run)
    report.written(results, run, tmp_path)
    assert results["ratio_p50"] == 0.4
    assert "0.40" in capsys.readouterr().out
    assert json.loads((tmp_path / "latency.json").read_text())["figures"]["peer"]["answered"] == 1
