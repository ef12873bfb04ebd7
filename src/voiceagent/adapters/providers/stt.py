"""All recognisers as one, and as each caller may use them. Knows none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from voiceagent.adapters.providers.calls import Call, first_answer
from voiceagent.adapters.providers.pool import ANYBODY, Pool, Seat
from voiceagent.domain.audio import SPEECH_RATE_HZ, Transcript, pcm_seconds
from voiceagent.domain.provider import Asker, covers
from voiceagent.domain.routing.choice import Policy
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.stt import SpeechToText, SttCapabilities

PATIENCE_S, SHARE_OF_AUDIO = 2.5, 0.5
"""Longest wait for all recognisers but the last: 2.5 s and half the length of the sound."""
_HOUR_S = 3600.0


class RoutedStt:
    """Implements ports.stt.SpeechToText for `asker`: sound goes to no provider that does not serve it."""

    def __init__(self, pool: Pool[SpeechToText], asker: Asker = ANYBODY) -> None:
        self.pool = pool
        self._asker = asker

    def of(self, asker: Asker) -> RoutedStt:
        """The same recognisers, for `asker`. Closing it closes nothing of theirs that others use: close the pool."""
        return RoutedStt(self.pool, asker)

    @property
    def capabilities(self) -> SttCapabilities:
        """Of the recogniser that would be asked first, with the longest sound and the word times that any of them can do.

        Raises Unavailable `stt_unavailable` when none serves the asker.
        """
        seats = self._serving(self._asker)
        first = next((seat for seat in seats if seat.state == "closed"), seats[0]).part.capabilities
        if len(seats) == 1:
            return first
        known = [seat.part.capabilities for seat in seats]
        return replace(first, max_s=max(one.max_s for one in known), words=any(one.words for one in known))

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        """As ports.stt; raises RateLimited, too, while every recogniser has asked us to wait."""
        seats = self._serving(replace(self._asker, language=language) if language else self._asker)
        duration_s = pcm_seconds(pcm, SPEECH_RATE_HZ)
        if len(seats) > 1:
            seats = _able(seats, language or self._asker.language, duration_s, words=words)
        share_s = SHARE_OF_AUDIO * duration_s
        call: Call[SpeechToText, Transcript] = Call(
            lambda part: part.transcribe(pcm, language=language, prompt=prompt, words=words),
            PATIENCE_S + share_s,
            share_s,
        )
        seat, heard = await first_answer(self.pool, seats, call)
        if self.pool.spent is not None and seat.provider.price_in:
            self.pool.spent(self._asker.tenant_id, seat.provider, seat.provider.amount_nanos(duration_s / _HOUR_S))
        return heard

    async def close(self) -> None:
        await self.pool.close()

    def _serving(self, asker: Asker) -> list[Seat[SpeechToText]]:
        seats = self.pool.serving(asker)
        if not seats:
            raise Unavailable("stt_unavailable", "no recogniser serves this caller in this language")
        return seats


def routed_stt(_first: SpeechToText, *, clock: Clock, policy: Policy = "priority") -> RoutedStt:
    """All recognisers; they have nothing in common that the first would set."""
    return RoutedStt(Pool("stt", policy=policy, clock=clock))


def _able(
    seats: Sequence[Seat[SpeechToText]], language: str, duration_s: float, *, words: bool
) -> list[Seat[SpeechToText]]:
    """Those that can do it; when nobody can, all: the first of them says what is wrong."""

    def can(known: SttCapabilities) -> bool:
        knows = not language or not known.languages or covers(known.languages, language)
        return knows and duration_s <= known.max_s and (known.words or not words)

    return [seat for seat in seats if can(seat.part.capabilities)] or list(seats)
