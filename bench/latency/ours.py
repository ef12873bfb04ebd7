"""A caller on our realtime API, through the gateway, with the session's defaults: 24 kHz PCM, 20 ms frames."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
from questions import RATE_HZ, Question, Samples
from sound import ANSWER_S, Answer, Ear, frames_of, speak

from voiceagent.domain.audio import WIRE_PCM, WIRE_RATE_HZ
from voiceagent.voice.codec import Encoder

CREATED_S = 15.0
DONE_S = 5.0
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass
class Call:
    """One open session: what arrived, and when."""

    socket: aiohttp.ClientWebSocketResponse
    ear: Ear = field(default_factory=lambda: Ear(WIRE_RATE_HZ))
    times_s: dict[str, float] = field(default_factory=dict)
    transcript: str = ""
    words: str = ""
    timings: dict[str, Any] = field(default_factory=dict)
    created: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    errors: list[str] = field(default_factory=list)

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(json.loads(message.data))

    def _take(self, event: dict[str, Any]) -> None:
        kind = str(event.get("type"))
        self.times_s[kind] = time.perf_counter()
        if kind == "session.created":
            self.created.set()
        elif kind == "response.output_audio.delta":
            self.ear.take(base64.b64decode(event["delta"]))
        elif kind == _TRANSCRIBED:
            self.transcript = f"{self.transcript} {event['transcript']}".strip()
        elif kind == "response.output_audio_transcript.delta":
            self.words += event["delta"]
        elif kind == "response.created":
            self.words = ""
        elif kind == "error":
            self.errors.append(str(event["error"].get("code")))
        elif kind == "response.done":
            self.timings = event["response"].get("voiceagent", {}).get("timings", {}) or self.timings
            self.done.set()

    async def send_frame(self, pcm: bytes) -> None:
        audio = base64.b64encode(pcm).decode()
        await self.socket.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


@contextlib.asynccontextmanager
async def call(url: str, key: str) -> AsyncIterator[Call]:
    """An open session. url: ws://host:port/v1/realtime?model=..."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers, max_msg_size=1 << 26) as socket:
        made = Call(socket)
        listener = asyncio.create_task(made.listen())
        try:
            await _opened(made, listener)
            yield made
        finally:
            listener.cancel()


async def _opened(made: Call, listener: asyncio.Task[None]) -> None:
    created = asyncio.create_task(made.created.wait())
    await asyncio.wait({created, listener}, timeout=CREATED_S, return_when=asyncio.FIRST_COMPLETED)
    if not created.done():
        created.cancel()
        raise SystemExit(f"no session.created: errors {made.errors}, close code {made.socket.close_code}")


async def ask(url: str, key: str, question: Question) -> Answer:
    """Speak one question in a session of its own and wait until the answer is audible and its timings are known."""
    async with call(url, key) as made:
        spoken = frames_of(wire_pcm(question.sound), WIRE_RATE_HZ)
        tail = frames_of(wire_pcm(question.tail), WIRE_RATE_HZ)
        sent_s = [0.0]

        def note(number: int, at_s: float) -> None:
            if number == len(spoken) - 1:
                sent_s[0] = at_s

        speaker = asyncio.create_task(speak(spoken + tail, made.send_frame, note))
        try:
            answer = await _answer(made, sent_s, question.seconds)
        finally:
            speaker.cancel()
        return answer


async def _answer(made: Call, sent_s: list[float], question_s: float) -> Answer:
    answer = Answer()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(made.ear.audible.wait(), question_s + ANSWER_S)
    if made.ear.first_audible_s is not None and (not sent_s[0] or made.ear.first_audible_s < sent_s[0]):
        answer.early = True
    elif made.ear.first_audible_s is not None and made.ear.heard_s is not None:
        answer.received_ms = (made.ear.first_audible_s - sent_s[0]) * 1000
        answer.heard_ms = (made.ear.heard_s - sent_s[0]) * 1000
        await asyncio.sleep(1.0)
        await made.socket.send_str(json.dumps({"type": "response.cancel"}))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(made.done.wait(), DONE_S)
    answer.stages_ms = {
        name: value for name, value in made.timings.items() if name.endswith("_ms") and value is not None
    }
    answer.heard_words, answer.said_words = made.transcript, made.words
    return answer


def wire_pcm(samples: Samples) -> bytes:
    """int16 at 16 kHz as s16le at 24 kHz."""
    encoder = Encoder(RATE_HZ, WIRE_PCM)
    return encoder.push(np.asarray(samples, "<i2").tobytes()) + encoder.flush()
