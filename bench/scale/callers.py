"""Callers with an open microphone: a frame every 20 ms, questions from a recording, and what they waited for an answer."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np
import soundfile
import soxr

RATE_HZ = 24_000
FRAME_S = 0.02
FRAME_SAMPLES = round(RATE_HZ * FRAME_S)
RECORDING = Path(__file__).absolute().parents[2] / "tests/data/speech/turn-complete-911d62c3.flac"
ANSWER_S = 20.0
OPEN_S = 30.0


def frames(samples: np.ndarray) -> list[str]:
    """The messages that carry int16 samples at 24 kHz, 20 ms each."""
    count = -(-len(samples) // FRAME_SAMPLES)
    padded = np.zeros(count * FRAME_SAMPLES, "<i2")
    padded[: len(samples)] = samples
    return [
        json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(part.tobytes()).decode()})
        for part in padded.reshape(count, FRAME_SAMPLES)
    ]


def question() -> list[str]:
    """The recording as messages, without the quiet at its end."""
    sound, rate_hz = soundfile.read(RECORDING, dtype="int16")
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 600)
    resampled = soxr.resample(sound[: loud[-1] + 1].astype(np.float32) / 32768, rate_hz, RATE_HZ)
    return frames((np.clip(resampled, -1, 1) * 32767).astype("<i2"))


SILENCE = frames(np.zeros(FRAME_SAMPLES, "<i2"))[0]


@dataclass
class Caller:
    """One call. waits_s: from the last frame of a question to the first sound of the answer, turn by turn."""

    socket: aiohttp.ClientWebSocketResponse
    speaking: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    failed: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    said_s: float | None = None
    is_over: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Until the call ends."""
        async for message in self.socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            self.received_bytes += len(message.data)
            if '"response.output_audio.delta"' in message.data[:200]:
                if self.said_s is not None:
                    self.waits_s.append(time.perf_counter() - self.said_s)
                    self.said_s = None
                continue
            kind = json.loads(message.data)["type"]
            if kind == "session.created":
                self.ready.set()
            elif kind == "response.done":
                self.done.set()
            elif kind == "error":
                self.failed += 1
        self.is_over = True
        self.done.set()

    async def send(self) -> None:
        """The next 20 ms: of the question, or silence."""
        frame = self.speaking.pop(0) if self.speaking else SILENCE
        is_last = frame is not SILENCE and not self.speaking
        self.sent_bytes += len(frame)
        await self.socket.send_str(frame)
        if is_last:
            self.said_s = time.perf_counter()

    async def turn(self, spoken: list[str]) -> bool:
        """Say it and wait until the answer is over; False when none came."""
        self.done.clear()
        self.speaking = list(spoken)
        try:
            async with asyncio.timeout(ANSWER_S + len(spoken) * FRAME_S):
                await self.done.wait()
        except TimeoutError:
            self.failed += 1
            self.said_s = None
            return False
        if self.is_over:
            raise ConnectionError(f"the call ended with {self.socket.close_code}")
        return True


class Callers:
    """Several calls at one gateway, paced by one clock."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._http: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.all: list[Caller] = []

    async def __aenter__(self) -> Callers:
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._key}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self.all:
            await one.socket.close()
        assert self._http is not None
        await self._http.close()

    async def open(self, count: int) -> None:
        """Open `count` further calls."""
        assert self._http is not None
        for _ in range(count):
            socket = await self._http.ws_connect(self._url, max_msg_size=1 << 26)
            caller = Caller(socket)
            self._tasks.append(asyncio.create_task(caller.listen()))
            async with asyncio.timeout(OPEN_S):
                await caller.ready.wait()
            self.all.append(caller)

    def start(self) -> None:
        """Open the microphones of all calls."""
        self._tasks.extend(asyncio.create_task(self._microphone(one)) for one in self.all)

    async def turns(self, count: int, *, pause_s: float, seed: int = 1) -> float:
        """Every caller takes `count` turns, beginning at different moments; how many seconds that took."""
        spoken, draws = question(), np.random.default_rng(seed)
        period_s = len(spoken) * FRAME_S + pause_s

        async def converse(one: Caller, first_s: float, pauses_s: np.ndarray) -> None:
            await asyncio.sleep(first_s)
            for pause in pauses_s:
                await one.turn(spoken)
                await asyncio.sleep(float(pause))

        begun_s = time.perf_counter()
        await asyncio.gather(
            *(converse(one, draws.uniform(0, period_s), draws.exponential(pause_s, count)) for one in self.all)
        )
        return time.perf_counter() - begun_s

    async def _microphone(self, one: Caller) -> None:
        begun_s, number = time.perf_counter(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, begun_s + number * FRAME_S - time.perf_counter()))
            if one.is_over:
                return
            await one.send()
