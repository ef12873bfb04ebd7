"""Two voices as one: the second speaks when the first does not begin. Knows nothing of either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from voiceagent.domain.audio import Speech
from voiceagent.kit.calls.rest import Rest
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Misconfigured, RateLimited, Unavailable
from voiceagent.ports.tts import TextToSpeech, TtsCapabilities

PATIENCE_S = 2.5
"""Longest wait for the first piece of the first voice."""


class FallbackTts:
    """Implements ports.tts.TextToSpeech. What began is never begun again: a voice that breaks off ends with its error.

    Raises Misconfigured `fallback_differs` when the rates differ: a reply is of one rate.
    """

    def __init__(self, first: TextToSpeech, second: TextToSpeech, clock: Clock | None = None) -> None:
        if first.capabilities.rate_hz != second.capabilities.rate_hz:
            raise Misconfigured("fallback_differs", "tts.fallback_url speaks at another rate than tts.url")
        self._first = first
        self._second = second
        self._rest = Rest(clock)

    @property
    def capabilities(self) -> TtsCapabilities:
        return self._first.capabilities

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Speech, None]:
        if self._rest.over:
            async with aclosing(_closable(self._first.synthesize(text, voice=voice, speed=speed))) as pieces:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        piece = await anext(pieces, None)
                except (Unavailable, RateLimited, Misconfigured, TimeoutError):
                    self._rest.failed()
                else:
                    self._rest.worked()
                    if piece is not None:
                        yield piece
                    async for piece in pieces:
                        yield piece
                    return
        voice = voice if voice in self._second.capabilities.voices else ""
        async with aclosing(_closable(self._second.synthesize(text, voice=voice, speed=speed))) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._first.close()
        await self._second.close()


async def _closable(source: AsyncIterator[Speech]) -> AsyncGenerator[Speech, None]:
    """`source` as a generator: closing it stops the voice."""
    try:
        async for piece in source:
            yield piece
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
