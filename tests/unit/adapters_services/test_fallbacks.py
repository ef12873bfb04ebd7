"""The fall-back adapters of speech and embeddings: who is asked when, and what is never asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from tests.unit.kit.test_rest import Hands

from voiceagent.adapters.embed import fallback as embed_fallback
from voiceagent.adapters.embed.fallback import FallbackEmbedder
from voiceagent.adapters.stt import fallback as stt_fallback
from voiceagent.adapters.stt.fallback import FallbackStt
from voiceagent.adapters.tts import fallback as tts_fallback
from voiceagent.adapters.tts.fallback import FallbackTts
from voiceagent.domain.audio import Speech, Transcript
from voiceagent.kit.errors import InvalidInput, Misconfigured, RateLimited, Unavailable
from voiceagent.ports.embed import EmbedCapabilities
from voiceagent.ports.stt import SttCapabilities
from voiceagent.ports.tts import TtsCapabilities

DOWN = Unavailable("down", "it is down")


class Part:
    """A recogniser, a voice and an embedding model in one. breaks: raised, "hang" to wait for ever, None to answer."""

    def __init__(self, name: str, *, rate_hz: int = 24_000, dimensions: int = 2) -> None:
        self.name, self.asked, self.closed, self.left = name, 0, False, False
        self.breaks: Any = None
        self.breaks_late: Exception | None = None
        self.voice = ""
        self._rate_hz, self._dimensions = rate_hz, dimensions

    @property
    def capabilities(self) -> Any:
        return self._capabilities

    async def _work(self) -> None:
        self.asked += 1
        if self.breaks == "hang":
            await asyncio.Event().wait()
        if self.breaks is not None:
            raise self.breaks

    async def close(self) -> None:
        self.closed = True


class Stt(Part):
    _capabilities = SttCapabilities("m", (), False, 30.0)

    async def transcribe(self, pcm: bytes, **_: Any) -> Transcript:
        await self._work()
        return Transcript(self.name)


class Embed(Part):
    @property
    def capabilities(self) -> EmbedCapabilities:
        return EmbedCapabilities("m", self._dimensions, 256)

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> Any:
        await self._work()
        return ((self.name,),)


class Tts(Part):
    @property
    def capabilities(self) -> TtsCapabilities:
        return TtsCapabilities("m", self._rate_hz, (f"voice of {self.name}",), ())

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Speech, None]:
        try:
            self.voice = voice
            await self._work()
            yield Speech(b"", self._rate_hz, f"{self.name} 1")
            if self.breaks_late:
                raise self.breaks_late
            yield Speech(b"", self._rate_hz, f"{self.name} 2")
        finally:
            self.left = True


def stt_pair(clock: Hands) -> tuple[Any, Any, Any, Callable[[], Awaitable[str]]]:
    first, second = Stt("first"), Stt("second")
    both = FallbackStt(first, second, clock)

    async def use() -> str:
        return (await both.transcribe(b"\0" * 640)).text

    return both, first, second, use


def tts_pair(clock: Hands) -> tuple[Any, Any, Any, Callable[[], Awaitable[str]]]:
    first, second = Tts("first"), Tts("second")
    both = FallbackTts(first, second, clock)

    async def use() -> str:
        texts = [piece.text async for piece in both.synthesize("Hi")]
        return texts[0].removesuffix(" 1")

    return both, first, second, use


def embed_pair(clock: Hands) -> tuple[Any, Any, Any, Callable[[], Awaitable[str]]]:
    first, second = Embed("first"), Embed("second")
    both = FallbackEmbedder(first, second, clock)

    async def use() -> str:
        return str((await both.embed(("Hi",), query=True))[0][0])

    return both, first, second, use


PAIRS = pytest.mark.parametrize("pair", [stt_pair, tts_pair, embed_pair])


@PAIRS
@pytest.mark.parametrize("error", [DOWN, RateLimited("slow_down", "wait"), Misconfigured("key", "no key")])
async def test_the_second_answers_when_the_first_cannot_and_the_first_rests(pair: Any, error: Exception) -> None:
    clock = Hands()
    both, first, second, use = pair(clock)
    assert (await use(), second.asked) == ("first", 0)
    first.breaks = error
    assert [await use(), await use()] == ["second", "second"]
    assert first.asked == 2, "asked again while it rests"
    first.breaks = None
    clock.now_s += 1
    assert [await use(), await use()] == ["first", "first"]
    await both.close()
    assert first.closed and second.closed


@PAIRS
async def test_a_first_that_hangs_is_left_after_its_patience(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stt_fallback, "PATIENCE_S", 0.05)
    monkeypatch.setattr(tts_fallback, "PATIENCE_S", 0.05)
    monkeypatch.setattr(embed_fallback, "QUERY_S", 0.05)
    _, first, second, use = pair(Hands())
    first.breaks = "hang"
    async with asyncio.timeout(10):
        assert await use() == "second"
    assert (first.asked, second.asked) == (1, 1)


@PAIRS
async def test_a_mistake_in_the_request_is_the_callers_and_goes_to_nobody_else(pair: Any) -> None:
    _, first, second, use = pair(Hands())
    first.breaks = InvalidInput("too_long", "it is too long")
    with pytest.raises(InvalidInput):
        await use()
    assert second.asked == 0


@PAIRS
async def test_when_both_fail_the_error_is_the_seconds(pair: Any) -> None:
    _, first, second, use = pair(Hands())
    first.breaks, second.breaks = DOWN, Unavailable("second_down", "it is down, too")
    with pytest.raises(Unavailable) as caught:
        await use()
    assert caught.value.code == "second_down"


async def test_a_voice_that_breaks_off_is_not_begun_again_by_the_other() -> None:
    both, first, second, _ = tts_pair(Hands())
    first.breaks_late = DOWN
    said = []
    with pytest.raises(Unavailable):
        async for piece in both.synthesize("Hi"):
            said.append(piece.text)
    assert (said, second.asked) == (["first 1"], 0)


async def test_leaving_a_reply_stops_the_voice_and_the_other_is_not_asked_for_a_voice_it_lacks() -> None:
    both, first, second, _ = tts_pair(Hands())
    stream = both.synthesize("Hi", voice="voice of first")
    await anext(stream)
    await stream.aclose()
    assert (first.left, first.voice) == (True, "voice of first")
    first.breaks = DOWN
    assert [piece.text async for piece in both.synthesize("Hi", voice="voice of first")] == ["second 1", "second 2"]
    assert second.voice == ""


def test_two_that_cannot_stand_in_for_each_other_are_refused() -> None:
    for make in (
        lambda: FallbackTts(Tts("a"), Tts("b", rate_hz=16_000)),
        lambda: FallbackEmbedder(Embed("a"), Embed("b", dimensions=3)),
    ):
        with pytest.raises(Misconfigured) as caught:
            make()
        assert caught.value.code == "fallback_differs"
