"""Two recognisers as one: the second hears what the first does not answer for. Knows nothing of either."""

from __future__ import annotations

import asyncio

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, Transcript
from voiceagent.kit.calls.rest import Rest
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Misconfigured, RateLimited, Unavailable
from voiceagent.ports.stt import SpeechToText, SttCapabilities

PATIENCE_S, SHARE_OF_AUDIO = 2.5, 0.5
"""Longest wait for the first: 2.5 s and half the length of the sound."""


class FallbackStt:
    """Implements ports.stt.SpeechToText. The first is asked again after a rest of 1, 2, 4 ... 30 s."""

    def __init__(self, first: SpeechToText, second: SpeechToText, clock: Clock | None = None) -> None:
        self._first = first
        self._second = second
        self._rest = Rest(clock)

    @property
    def capabilities(self) -> SttCapabilities:
        return self._first.capabilities

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        if self._rest.over:
            duration_s = len(pcm) / SAMPLE_BYTES / SPEECH_RATE_HZ
            try:
                async with asyncio.timeout(PATIENCE_S + SHARE_OF_AUDIO * duration_s):
                    heard = await self._first.transcribe(pcm, language=language, prompt=prompt, words=words)
                self._rest.worked()
                return heard
            except (Unavailable, RateLimited, Misconfigured, TimeoutError):
                self._rest.failed()
        return await self._second.transcribe(pcm, language=language, prompt=prompt, words=words)

    async def close(self) -> None:
        await self._first.close()
        await self._second.close()
