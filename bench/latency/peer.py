"""A caller on Pipecat's WebSocket: its protobuf frames, 16 kHz in, 24 kHz out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import aiohttp
import numpy as np
from questions import RATE_HZ, Question
from sound import ANSWER_S, Answer, Ear, frames_of, speak

OUT_RATE_HZ = 24_000
READY_S = 60.0
_AUDIO, _TRANSCRIPTION = 2, 3
"""Fields of pipecat.Frame."""


class PeerCall:
    """One open call: what arrived, and when."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.ear = Ear(OUT_RATE_HZ)

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY and (pcm := audio_in(message.data)):
                self.ear.take(pcm)

    async def send_frame(self, pcm: bytes) -> None:
        await self.socket.send_bytes(audio_frame(pcm, RATE_HZ))


@contextlib.asynccontextmanager
async def call(url: str) -> AsyncIterator[PeerCall]:
    """An open call whose pipeline listens."""
    async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=1 << 26) as socket:
        made = PeerCall(socket)
        while (message := await asyncio.wait_for(socket.receive(), READY_S)).data != "ready":
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise SystemExit(f"the peer said {message.type} instead of ready")
        listener = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listener.cancel()


async def ask(url: str, question: Question) -> Answer:
    """Speak one question in a call of its own and wait until the answer is audible."""
    async with call(url) as made:
        spoken = frames_of(np.asarray(question.sound, "<i2").tobytes(), RATE_HZ)
        tail = frames_of(np.asarray(question.tail, "<i2").tobytes(), RATE_HZ)
        sent_s = [0.0]

        def note(number: int, at_s: float) -> None:
            if number == len(spoken) - 1:
                sent_s[0] = at_s

        speaker = asyncio.create_task(speak(spoken + tail, made.send_frame, note))
        answer = Answer()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(made.ear.audible.wait(), question.seconds + ANSWER_S)
        finally:
            speaker.cancel()
        if made.ear.first_audible_s is not None and made.ear.heard_s is not None:
            answer.early = not sent_s[0] or made.ear.first_audible_s < sent_s[0]
            if not answer.early:
                answer.received_ms = (made.ear.first_audible_s - sent_s[0]) * 1000
                answer.heard_ms = (made.ear.heard_s - sent_s[0]) * 1000
        return answer


# --- the little of protobuf that frames need: varints, and fields with a length ---------------------------------------


def audio_frame(pcm: bytes, rate_hz: int) -> bytes:
    """pipecat.Frame{audio: AudioRawFrame{audio, sample_rate, num_channels}}."""
    inner = _block(3, pcm) + bytes([4 << 3]) + _varint(rate_hz) + bytes([5 << 3]) + _varint(1)
    return _block(_AUDIO, inner)


def audio_in(frame: bytes) -> bytes:
    """The PCM of a pipecat.Frame, b"" when it holds something else."""
    return b"".join(
        pcm
        for field, inner in _fields(frame)
        if field == _AUDIO and isinstance(inner, bytes)
        for at, pcm in _fields(inner)
        if at == 3 and isinstance(pcm, bytes)
    )


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + value]
            at += value
        else:
            yield key >> 3, value


def _block(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
