"""All voices as one, and as each answer may use them: one voice from its first word to its last while that speaks. Knows none of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

import numpy as np

from voiceagent.adapters.providers.pool import ANYBODY, Pool, Seat, passed_on
from voiceagent.domain.audio import Speech
from voiceagent.domain.provider import Asker, covers, serves
from voiceagent.domain.routing.choice import Policy
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem, Unavailable
from voiceagent.kit.resample import StreamResampler
from voiceagent.kit.tasks import answered_within
from voiceagent.ports.tts import TextToSpeech, TtsCapabilities

PATIENCE_S = 2.5
"""Longest wait for the first pieces of all voices but the last."""
_MILLION = 1e6

Pieces = AsyncGenerator[Speech, None]


class RoutedTts:
    """Implements ports.tts.TextToSpeech for `asker`, for one answer: words go to no provider that does not serve it.

    What began to sound is never begun again: a voice that breaks off ends with its error. Every piece has rate_hz, whoever speaks.
    """

    def __init__(self, pool: Pool[TextToSpeech], rate_hz: int, asker: Asker = ANYBODY) -> None:
        self.pool = pool
        self._rate_hz = rate_hz
        self._asker = asker
        self._speaker: Seat[TextToSpeech] | None = None

    def of(self, asker: Asker) -> RoutedTts:
        """The same voices, for one answer to `asker`."""
        return RoutedTts(self.pool, self._rate_hz, asker)

    @property
    def capabilities(self) -> TtsCapabilities:
        """Of the provider that would speak first, with the voices of all that serve the asker. Raises Unavailable `tts_unavailable`."""
        seats = self._serving()
        first = next((seat for seat in seats if seat.state == "closed"), seats[0]).part.capabilities
        if len(seats) == 1 and first.rate_hz == self._rate_hz:
            return first
        voices = dict.fromkeys(first.voices + tuple(name for seat in seats for name in seat.part.capabilities.voices))
        others = any(seat.part.capabilities.others for seat in seats)
        return replace(first, rate_hz=self._rate_hz, voices=tuple(voices), others=others)

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> Pieces:
        """As ports.tts; raises RateLimited, too, while every provider has asked us to wait."""
        saying = _Saying(text, voice, speed)
        seat, first, rest = await self._begun(self._candidates(voice), saying)
        async with aclosing(rest):
            with seat.under_way.one():
                try:
                    if first is not None:
                        self._speaker = seat
                        self._note(seat, text)
                        yield first
                    async for piece in rest:
                        yield piece
                finally:
                    seat.used()

    async def close(self) -> None:
        await self.pool.close()

    def _serving(self) -> list[Seat[TextToSpeech]]:
        seats = self.pool.serving(self._asker)
        if not seats:
            raise Unavailable("tts_unavailable", "no voice serves this caller in this language")
        return seats

    def _candidates(self, voice: str) -> list[Seat[TextToSpeech]]:
        """Who may speak, best first: who spoke before in this answer, then who has the voice and the language."""
        kept = self._speaker
        if kept is None or kept.state != "closed" or not serves(kept.provider, self._asker):
            return _able(self._serving(), self._asker.language, voice)
        others = [seat for seat in self.pool.serving(self._asker) if seat is not kept]
        return [kept, *_able(others, self._asker.language, voice)]

    async def _begun(
        self, seats: Sequence[Seat[TextToSpeech]], saying: _Saying
    ) -> tuple[Seat[TextToSpeech], Speech | None, Pieces]:
        """Who speaks, its first piece (None when there is nothing to say) and the rest. Raises what the last voice raised."""
        pool, order = self.pool, self.pool.order(seats)
        for seat in order.resting:
            pool.beside(self._trial(seat, saying), name=seat.provider.name)
        refusal: Problem = Unavailable("tts_unavailable", "no voice answers at the moment", retry_after_s=1.0)
        by_s = pool.clock.monotonic_s() + PATIENCE_S
        for seat, bounded in order:
            within_s = pool.wait_s(seat, by_s - pool.clock.monotonic_s()) if bounded else None
            if within_s is not None and within_s <= 0:
                continue
            try:
                return seat, *await self._first(seat, saying.of(seat, first=seat is seats[0]), within_s)
            except Problem as problem:
                if not passed_on(problem):
                    raise
                refusal = problem
        raise refusal

    async def _first(
        self, seat: Seat[TextToSpeech], saying: _Saying, within_s: float | None
    ) -> tuple[Speech | None, Pieces]:
        pieces = _at_rate(seat.part.synthesize(saying.text, voice=saying.voice, speed=saying.speed), self._rate_hz)
        try:
            with seat.under_way.one(), self.pool.attempt(seat):
                first = anext(pieces, None)
                return (await first if within_s is None else await answered_within(first, within_s)), pieces
        except BaseException:  # whoever is not heard stops working
            with suppress(RuntimeError):
                await pieces.aclose()
            raise

    async def _trial(self, seat: Seat[TextToSpeech], saying: _Saying) -> None:
        """Whether a voice that failed is well again, found out beside one that speaks. Slower than its patience is not well."""
        with suppress(Problem):
            _, rest = await self._first(seat, saying.of(seat, first=False), self.pool.wait_s(seat, PATIENCE_S))
            await rest.aclose()

    def _note(self, seat: Seat[TextToSpeech], text: str) -> None:
        if self.pool.spent is not None and seat.provider.price_in:
            self.pool.spent(self._asker.tenant_id, seat.provider, seat.provider.amount_nanos(len(text) / _MILLION))


def routed_tts(first: TextToSpeech, *, clock: Clock, policy: Policy = "priority") -> RoutedTts:
    """All voices, at the rate of the first."""
    return RoutedTts(Pool("tts", policy=policy, clock=clock), first.capabilities.rate_hz)


class _Saying:
    """What is to be said, and how."""

    def __init__(self, text: str, voice: str, speed: float) -> None:
        self.text = text
        self.voice = voice
        self.speed = speed

    def of(self, seat: Seat[TextToSpeech], *, first: bool) -> _Saying:
        """The same for a provider: one that stands in speaks with its own voice where it lacks the one asked for."""
        known = first or self.voice in seat.part.capabilities.voices
        return self if known else _Saying(self.text, "", self.speed)


def _able(seats: Sequence[Seat[TextToSpeech]], language: str, voice: str) -> list[Seat[TextToSpeech]]:
    """Those that speak the language, when there are any; those that have the voice first."""

    def speaks(known: TtsCapabilities) -> bool:
        return not language or not known.languages or covers(known.languages, language)

    able = [seat for seat in seats if speaks(seat.part.capabilities)] or list(seats)
    return sorted(able, key=lambda seat: bool(voice) and voice not in seat.part.capabilities.voices)


async def _at_rate(source: AsyncIterator[Speech], rate_hz: int) -> Pieces:
    """`source` at `rate_hz`; closing it stops the voice."""
    change: StreamResampler | None = None
    waiting = ""
    try:
        async for piece in source:
            if piece.rate_hz == rate_hz:
                yield piece
                continue
            change = change or StreamResampler(piece.rate_hz, rate_hz)
            pcm = change.push(np.frombuffer(piece.pcm, "<i2")).astype("<i2").tobytes()
            waiting += piece.text
            if pcm:
                yield Speech(pcm, rate_hz, waiting)
                waiting = ""
        rest = b"" if change is None else change.flush().astype("<i2").tobytes()
        if rest:
            yield Speech(rest, rate_hz, waiting)
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
