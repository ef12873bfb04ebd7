"""A client of our own realtime API: speaks a recording at the pace of speech and gathers what comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from voiceagent.domain.audio import FRAME_MS, SAMPLE_BYTES, WIRE_RATE_HZ
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, Problem, Unauthenticated, Unavailable
from voiceagent.kit.retry import retried

CONNECT_S = 10.0
RESUME_S = 30.0
ANSWER_S = 30.0
NOTHING_HEARD_S = 4.0
FRAME_BYTES = WIRE_RATE_HZ * FRAME_MS // 1000 * SAMPLE_BYTES
_SILENCE = bytes(FRAME_BYTES)
_VOICED_SHARE = 0.05
_AUDIBLE = 200  # of 32,768: about -44 dBFS


@dataclass(slots=True)
class Asked:
    """What one question led to. latency_ms: from the last voiced sample sent to the first audible sample received, as this client saw it."""

    heard: str = ""
    answered: str = ""
    audio: bytearray = field(default_factory=bytearray)
    rate_hz: int = WIRE_RATE_HZ
    latency_ms: float | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    status: str = ""


class _Question:
    """One recording on its way: what was sent, what came back, and whether it is answered."""

    def __init__(self, clock: Clock, told: Callable[[str, str], None]) -> None:
        self.asked = Asked()
        self.voiced_at_s: float | None = None
        self.spoken = asyncio.Event()
        self.answered = asyncio.Event()
        self.failure: Problem | None = None
        self._clock = clock
        self._told = told

    def on_event(self, event: dict[str, Any]) -> None:
        kind = event.get("type", "")
        if kind == "input_audio_buffer.speech_started":
            self.spoken.set()
            self.answered.clear()
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._heard(str(event.get("transcript", "")))
        elif kind == "response.created":
            self.asked.answered, self.asked.latency_ms = "", None
            self.asked.audio.clear()
        elif kind == "response.output_audio_transcript.delta":
            self.asked.answered += str(event.get("delta", ""))
            self._told("answer", str(event.get("delta", "")))
        elif kind == "response.output_audio.delta":
            self._sound(base64.b64decode(str(event.get("delta", ""))))
        elif kind == "response.done":
            self._done(event)
        elif kind == "error":
            self._failed(event.get("error") or {})

    def _heard(self, transcript: str) -> None:
        self.asked.heard = f"{self.asked.heard} {transcript}".strip()
        self._told("heard", transcript)

    def _sound(self, pcm: bytes) -> None:
        self.asked.audio += pcm
        if self.asked.latency_ms is None and self.voiced_at_s is not None and loudest(pcm) > _AUDIBLE:
            self.asked.latency_ms = (self._clock.monotonic_s() - self.voiced_at_s) * 1000

    def _done(self, event: dict[str, Any]) -> None:
        response = event.get("response") or {}
        self.asked.status = str(response.get("status", ""))
        if self.asked.status == "cancelled":
            return
        timings = ((event.get("voiceagent") or response.get("voiceagent") or {}).get("timings")) or {}
        self.asked.timings_ms = {
            name: float(value) for name, value in timings.items() if isinstance(value, int | float)
        }
        if self.asked.status == "failed":
            error = (response.get("status_details") or {}).get("error") or {}
            self._failed({"code": error.get("code") or "reply_failed", "message": "the platform could not answer"})
        self.answered.set()

    def _failed(self, error: dict[str, Any]) -> None:
        code = str(error.get("code") or "server_error")
        self.failure = Unavailable(code, str(error.get("message") or "the platform reported an error"))
        self.answered.set()


async def ask(
    url: str,
    key: str,
    pcm: bytes,
    *,
    told: Callable[[str, str], None] | None = None,
    clock: Clock | None = None,
    tls: ssl.SSLContext | None = None,
) -> Asked:
    """Speak `pcm` (mono s16le, 24 kHz) to the gateway at `url` in real time; return once it is answered.

    told: called with ("heard" | "answer", words) as they arrive.
    Raises Unauthenticated, Unavailable `gateway_unreachable`, DeadlineExceeded `no_answer`, InvalidInput `nothing_heard`.
    """
    ticking = clock or SystemClock()
    question = _Question(ticking, told or (lambda _kind, _words: None))
    async with connected(url, key, tls) as socket:
        listening = asyncio.create_task(_listen(socket, question))
        speaking = asyncio.create_task(_speak(socket, pcm, question, ticking))
        try:
            await _answered(question, len(pcm) / (WIRE_RATE_HZ * SAMPLE_BYTES), listening)
        except _Closed as closed:
            raise Unavailable(
                "gateway_closed", f"the gateway closed the connection (code {socket.close_code})"
            ) from closed
        finally:
            for task in (speaking, listening):
                task.cancel()
            await asyncio.gather(speaking, listening, return_exceptions=True)
    if question.failure is not None:
        raise question.failure
    return question.asked


class _Closed(Exception):
    """The socket ended before what was waited for."""


async def _answered(question: _Question, spoken_s: float, listening: asyncio.Task[None]) -> None:
    """Until the last thing said is answered: an answer in the middle of a recording that goes on does not count."""
    await asyncio.sleep(spoken_s)
    if not question.spoken.is_set():
        await _until(
            question.spoken,
            NOTHING_HEARD_S,
            InvalidInput("nothing_heard", "no speech was heard in the recording"),
            listening,
        )
    await _until(
        question.answered, ANSWER_S, DeadlineExceeded("no_answer", f"no answer came within {ANSWER_S:g} s"), listening
    )


async def _until(event: asyncio.Event, within_s: float, otherwise: Problem, listening: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, listening}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        if not event.is_set():
            raise _Closed if listening.done() else otherwise
    finally:
        waiting.cancel()


async def _listen(socket: aiohttp.ClientWebSocketResponse, question: _Question) -> None:
    async for message in socket:
        if message.type == aiohttp.WSMsgType.TEXT:
            question.on_event(json.loads(message.data))


async def _speak(socket: aiohttp.ClientWebSocketResponse, pcm: bytes, question: _Question, clock: Clock) -> None:
    """20 ms of sound every 20 ms by the clock, then silence, as an open microphone would."""
    frames = [pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for at in range(0, len(pcm), FRAME_BYTES)]
    last_voiced = _last_voiced(frames)
    started_s, sent = clock.monotonic_s(), 0
    while not socket.closed:
        frame = frames[sent] if sent < len(frames) else _SILENCE
        await socket.send_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()})
        if sent == last_voiced:
            question.voiced_at_s = clock.monotonic_s()
        sent += 1
        await asyncio.sleep(max(0.0, started_s + sent * FRAME_MS / 1000 - clock.monotonic_s()))


def _last_voiced(frames: list[bytes]) -> int:
    """The last frame at least 5 % as loud as the loudest."""
    peaks = [loudest(frame) for frame in frames]
    floor = max(peaks, default=0) * _VOICED_SHARE
    return max((number for number, peak in enumerate(peaks) if peak > floor), default=-1)


def loudest(pcm: bytes) -> int:
    """The largest magnitude of a sample of s16le `pcm`."""
    samples = array("h", pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES])
    return max(max(samples, default=0), -min(samples, default=0))


class connected:
    """`async with connected(url, key) as socket`: a realtime session whose `session.created` has arrived. tls: how an https gateway is verified.

    Entered again it goes on with the same conversation, looking for RESUME_S for somebody who takes it.
    """

    def __init__(self, url: str, key: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url.replace("http", "ws", 1) + "/v1/realtime?model=voiceagent&extensions=true"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._client: aiohttp.ClientSession | None = None
        self._tls = tls or True
        self._conversation_id = ""

    async def __aenter__(self) -> aiohttp.ClientWebSocketResponse:
        if not self._conversation_id:
            return await self._connect(self._url)
        again = f"{self._url}&conversation_id={self._conversation_id}"
        return await retried(lambda: self._connect(again), within_s=RESUME_S, first_delay_s=0.2)

    async def _connect(self, url: str) -> aiohttp.ClientWebSocketResponse:
        client = self._client = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(CONNECT_S):
                socket = await client.ws_connect(
                    url, headers=self._headers, max_msg_size=2**24, compress=0, ssl=self._tls
                )
                created = await socket.receive_json()
        except (aiohttp.ClientError, TimeoutError, TypeError, OSError) as error:
            await client.close()
            raise _unreachable(self._url, error) from error
        session = created.get("session") or {}
        self._conversation_id = str((session.get("voiceagent") or {}).get("conversation_id", ""))
        return socket

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()


def _unreachable(url: str, error: BaseException) -> Problem:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Unavailable(
            "gateway_not_trusted",
            f"the certificate of {url} is not good here; name its authority with --ca or tls.trusted_ca",
        )
    status = error.status if isinstance(error, aiohttp.WSServerHandshakeError) else 0
    if status in (401, 403):
        return Unauthenticated(
            "key_refused", "the gateway refuses the API key (--key, VOICEAGENT_API_KEY or the file cli-key)"
        )
    if status:
        return Unavailable("gateway_refused", f"the gateway answers {status} at {url}")
    return Unavailable("gateway_unreachable", f"nothing answers at {url}; start the platform with `voiceagent up`")
