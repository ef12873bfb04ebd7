"""Text to speech as tones: a note for each word, as long as it would take to say. Deterministic, for demos, load tests and tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import numpy as np

from voiceagent.adapters.tts.pieces import pieces
from voiceagent.adapters.tts.requests import check_speed, check_voice, closed
from voiceagent.adapters.tts.spoken_text import spoken
from voiceagent.domain.audio import Speech
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.tts import TtsCapabilities

CHARS_PER_S = 15.0
_GAP_S = 0.02
_PEAK = 8_000
_VOICES = {"tone": 220.0, "high": 440.0}


class ScriptedTts:
    """delay_s: how long each piece takes to make; waited with `sleep`, so that tests can run in virtual time."""

    def __init__(
        self,
        *,
        rate_hz: int = 24_000,
        delay_s: float = 0.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._capabilities = TtsCapabilities("scripted", rate_hz, tuple(_VOICES), ("en",))
        self._delay_s = delay_s
        self._sleep = sleep
        self._closed = False

    @property
    def capabilities(self) -> TtsCapabilities:
        return self._capabilities

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        check_speed(speed)
        pitch_hz = _VOICES[check_voice(voice, self._capabilities.voices)]
        silent = ""
        for piece in pieces(text):
            if self._closed:
                raise closed()
            await self._sleep(self._delay_s)
            if not spoken(piece):
                silent += piece
                continue
            yield Speech(self._tones(silent + piece, pitch_hz, speed), self._capabilities.rate_hz, silent + piece)
            silent = ""

    async def close(self) -> None:
        self._closed = True

    def _tones(self, piece: str, pitch_hz: float, speed: float) -> bytes:
        return b"".join(self._tone(word, pitch_hz, speed) for word in piece.split())

    def _tone(self, word: str, pitch_hz: float, speed: float) -> bytes:
        rate_hz = self._capabilities.rate_hz
        count = int((len(word) + 1) / CHARS_PER_S / speed * rate_hz)
        seconds = np.arange(count) / rate_hz
        semitones = sum(word.encode()) % 12
        wave = _PEAK * np.sin(2 * np.pi * pitch_hz * 2 ** (semitones / 12) * seconds)
        wave[count - min(count, int(_GAP_S * rate_hz)) :] = 0
        return wave.astype("<i2").tobytes()


def open_tts(url: str) -> ScriptedTts:
    """`scripted:///` or `scripted:///?rate_hz=24000&delay_ms=20`. Raises Misconfigured `bad_url`."""
    query = parse_qs(urlsplit(url).query)
    rate, delay = query.get("rate_hz", ["24000"])[-1], query.get("delay_ms", ["0"])[-1]
    if not (rate.isdecimal() and delay.isdecimal() and 8_000 <= int(rate) <= 48_000):
        raise Misconfigured("bad_url", "rate_hz (8000 to 48000) and delay_ms are whole numbers")
    return ScriptedTts(rate_hz=int(rate), delay_s=int(delay) / 1000)
