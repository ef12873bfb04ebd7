"""What a caller does with sound: speaks at the pace of time, and notices when an answer becomes audible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

FRAME_S = 0.02
AUDIBLE = 328
"""Peak of a 16-bit sample: -40 dBFS."""
ANSWER_S = 10.0
"""Longest wait for a sound after the last voiced sample."""


@dataclass(slots=True)
class Answer:
    """One question, one answer. Times in ms from the moment the last voiced sample was sent.

    received: first audible sample arrived.  heard: a loudspeaker that plays without a gap from the first sample on reaches it.
    early: something audible came before the caller had finished.
    """

    received_ms: float | None = None
    heard_ms: float | None = None
    early: bool = False
    stages_ms: dict[str, float] = field(default_factory=dict)
    heard_words: str = ""
    said_words: str = ""


class Ear:
    """Collects the answer's sound, s16le mono at rate_hz."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._began_s: float | None = None
        self._samples = 0
        self.last_s: float | None = None
        self.first_audible_s: float | None = None
        self.heard_s: float | None = None
        self.audible = asyncio.Event()

    def take(self, pcm: bytes) -> None:
        now_s = time.perf_counter()
        self._began_s = self._began_s if self._began_s is not None else now_s
        samples = np.abs(np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.int32))
        loud = np.flatnonzero(samples >= AUDIBLE)
        if len(loud):
            self.last_s = now_s
            if self.first_audible_s is None:
                self.first_audible_s = now_s
                self.heard_s = max(now_s, self._began_s + (self._samples + int(loud[0])) / self._rate_hz)
                self.audible.set()
        self._samples += len(samples)

    def forget(self) -> None:
        """The answer was called off; the next sound counts as the first."""
        self._began_s = self.first_audible_s = self.heard_s = None
        self._samples = 0
        self.audible.clear()


async def speak(
    frames: list[bytes], send: Callable[[bytes], Awaitable[None]], sent: Callable[[int, float], None] | None = None
) -> None:
    """Send each frame when a microphone would have it: at the end of its 20 ms. `sent` is told its number and when it was gone."""
    began_s = time.perf_counter()
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, began_s + (number + 1) * FRAME_S - time.perf_counter()))
        await send(frame)
        if sent is not None:
            sent(number, time.perf_counter())


def frames_of(pcm: bytes, rate_hz: int) -> list[bytes]:
    """20 ms frames; the last one filled up with silence."""
    size = int(rate_hz * FRAME_S) * 2
    frames = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    if frames:
        frames[-1] += bytes(size - len(frames[-1]))
    return frames
