"""Several providers of speech or embeddings as one: who is asked when, for whom, how long, and what is never asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from voiceagent.adapters.providers import pool as pools
from voiceagent.adapters.providers.embed import routed_embedder
from voiceagent.adapters.providers.pool import TERMS
from voiceagent.adapters.providers.stt import routed_stt
from voiceagent.adapters.providers.tts import routed_tts
from voiceagent.domain.audio import Speech, Transcript
from voiceagent.domain.provider import Asker, Provider
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, RateLimited, Unavailable, Unsupported
from voiceagent.ports.embed import EmbedCapabilities
from voiceagent.ports.stt import SttCapabilities
from voiceagent.ports.tts import TtsCapabilities

DOWN = Unavailable("down", "it is down")
SECOND_S = b"\1\0" * 16_000


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


class Part:
    """A recogniser, a voice and an embedding model in one. breaks: raised, "hang" to wait for ever, None to answer."""

    def __init__(self, name: str, **known: Any) -> None:
        self.name, self.asked, self.closed, self.left = name, 0, False, False
        self.breaks: Any = None
        self.breaks_late: Exception | None = None
        self.voice = ""
        self.known = known

    async def _work(self) -> None:
        self.asked += 1
        if self.breaks == "hang":
            await asyncio.Event().wait()
        if self.breaks is not None:
            raise self.breaks

    async def close(self) -> None:
        self.closed = True


class Stt(Part):
    @property
    def capabilities(self) -> SttCapabilities:
        return replace(SttCapabilities(self.name, (), words=False, max_s=30.0), **self.known)

    async def transcribe(self, pcm: bytes, **_: Any) -> Transcript:
        await self._work()
        return Transcript(self.name)


class Embed(Part):
    @property
    def capabilities(self) -> EmbedCapabilities:
        return replace(EmbedCapabilities("m", 2, 256), **self.known)

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> Any:
        await self._work()
        return ((self.name,),)


class Tts(Part):
    @property
    def capabilities(self) -> TtsCapabilities:
        return replace(TtsCapabilities("m", 24_000, (f"voice of {self.name}",), ()), **self.known)

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Speech, None]:
        rate_hz = self.capabilities.rate_hz
        try:
            self.voice = voice
            await self._work()
            yield Speech(b"\1\0" * (rate_hz // 10), rate_hz, f"{self.name} 1")
            if self.breaks_late:
                raise self.breaks_late
            yield Speech(b"\1\0" * (rate_hz // 10), rate_hz, f"{self.name} 2")
        finally:
            self.left = True


@dataclass
class Rig:
    """Parts of one kind as one, how to use them, and the clock that they go by. local: the first is a model of this machine."""

    all: Any
    parts: list[Any]
    use: Callable[[], Awaitable[str]]
    clock: Hands

    async def trials(self) -> None:
        """Let calls that nobody waits for come to their end."""
        tasks = set(self.all.pool._trials._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=60)


def rig(kind: Any, *parts: Any, clock: Hands | None = None, **providers: dict[str, Any]) -> Rig:
    """providers: what is said of the provider of a part, by its name."""
    clock = clock or Hands()
    make: Any = {"stt": routed_stt, "tts": routed_tts, "embed": routed_embedder}[kind]
    made = make(parts[0], clock=clock)
    for position, part in enumerate(parts):
        told: dict[str, Any] = {"priority": position, "roles": ()} | providers.get(part.name, {})
        made.pool.put(Provider(part.name, "openai+https://h.example/v1", kind=kind, **told), part)

    async def use() -> str:
        if kind == "stt":
            return str((await made.transcribe(SECOND_S)).text)
        if kind == "embed":
            return str((await made.embed(("Hi",), query=True))[0][0])
        texts = [piece.text async for piece in made.of(Asker()).synthesize("Hi")]
        return str(texts[0].removesuffix(" 1"))

    return Rig(made, list(parts), use, clock)


async def began(pieces: AsyncGenerator[Speech, None]) -> str:
    """What the first piece says; all of it is heard."""
    texts = [piece.text async for piece in pieces]
    return texts[0]


KINDS = pytest.mark.parametrize(("kind", "part"), [("stt", Stt), ("tts", Tts), ("embed", Embed)])


@KINDS
@pytest.mark.parametrize("error", [DOWN, Misconfigured("key", "no key")])
async def test_the_second_answers_when_the_first_cannot_and_the_first_rests(
    kind: str, part: Any, error: Exception
) -> None:
    made = rig(kind, first := part("first"), second := part("second"))
    assert (await made.use(), second.asked) == ("first", 0)
    first.breaks = error
    assert [await made.use(), await made.use()] == ["second", "second"]
    assert first.asked == 2, "asked again while it rests"
    first.breaks = None
    made.clock.now_s += TERMS.open_s
    for _ in range(TERMS.good_probes):
        assert await made.use() == "second", "a caller waited for one that may still be ill"
        await made.trials()
    assert await made.use() == "first"
    await made.all.close()
    assert first.closed and second.closed


@KINDS
async def test_a_provider_that_is_still_ill_costs_no_caller_anything(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), part("second"))
    first.breaks = DOWN
    assert await made.use() == "second"
    for _ in range(3):
        made.clock.now_s += TERMS.open_s
        first.breaks = "hang"
        assert await made.use() == "second"
        assert await made.use() == "second", "a second trial beside the first"
        await asyncio.sleep(0)
    assert first.asked <= 4
    await made.all.close()


@KINDS
async def test_a_first_that_hangs_is_left_after_its_patience(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), second := part("second"), first={"patience_s": 0.05})
    first.breaks = "hang"
    async with asyncio.timeout(60):
        assert await made.use() == "second"
    assert (first.asked, second.asked) == (1, 1)


@KINDS
@pytest.mark.parametrize(
    "breaks",
    [DOWN, RateLimited("slow_down", "wait", retry_after_s=60), Unavailable("garbage", "it sent something else")],
)
async def test_with_the_first_of_three_failing_every_call_is_answered(kind: str, part: Any, breaks: Problem) -> None:
    made = rig(kind, first := part("first"), second := part("second"), third := part("third"))
    first.breaks = breaks
    assert [await made.use() for _ in range(5)] == ["second"] * 5
    second.breaks = DOWN
    assert [await made.use() for _ in range(5)] == ["third"] * 5
    assert (first.asked, second.asked, third.asked) == (1, 6, 5)


@KINDS
async def test_a_provider_that_asks_to_wait_is_asked_by_nobody_before_its_time(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), second := part("second"))
    first.breaks = RateLimited("slow_down", "wait", retry_after_s=30)
    assert await made.use() == "second"
    second.breaks = RateLimited("second_too", "wait", retry_after_s=20)
    with pytest.raises(RateLimited):
        await made.use()
    made.clock.now_s += 5
    with pytest.raises(RateLimited) as caught:
        await made.use()
    assert (caught.value.code, caught.value.retry_after_s) == ("second_too", pytest.approx(15))
    assert (first.asked, second.asked) == (1, 2)
    first.breaks = second.breaks = None
    made.clock.now_s += 15
    assert await made.use() == "second"


@KINDS
async def test_a_mistake_in_the_request_is_the_callers_and_goes_to_nobody_else(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), second := part("second"))
    first.breaks = InvalidInput("too_long", "it is too long")
    with pytest.raises(InvalidInput):
        await made.use()
    assert second.asked == 0
    first.breaks = None
    assert await made.use() == "first", "a mistake of a caller made it rest"


@KINDS
async def test_what_one_does_not_support_another_may(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), part("second"))
    first.breaks = Unsupported("unsupported_language", "not mine")
    assert await made.use() == "second"
    first.breaks = None
    assert await made.use() == "first"


@KINDS
async def test_when_all_fail_the_error_is_the_lasts_and_the_next_call_tries_again(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), second := part("second"))
    first.breaks, second.breaks = DOWN, Unavailable("second_down", "it is down, too")
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await made.use()
        assert caught.value.code == "second_down"
    second.breaks = None
    assert await made.use() == "second"


@KINDS
async def test_the_only_provider_is_asked_each_time_and_waited_for(kind: str, part: Any) -> None:
    made = rig(kind, only := part("only"), only={"patience_s": 0.01})
    only.breaks = DOWN
    for _ in range(3):
        with pytest.raises(Unavailable):
            await made.use()
    only.breaks = "hang"
    waiting = asyncio.ensure_future(made.use())
    await asyncio.wait({waiting}, timeout=0.1)
    assert not waiting.done()
    waiting.cancel()
    only.breaks = None
    assert await made.use() == "only"


@KINDS
async def test_a_provider_is_added_changed_and_removed_between_calls(kind: str, part: Any) -> None:
    made = rig(kind, part("first"))
    new = part("new")
    made.all.pool.put(Provider("new", "", kind=kind, roles=(), priority=0), new)
    made.all.pool.slots["first"].provider = replace(made.all.pool.slots["first"].provider, priority=1)
    assert await made.use() == "new"
    slot = made.all.pool.slots["new"]
    slot.provider = replace(slot.provider, enabled=False)
    assert await made.use() == "first"
    slot.provider = replace(slot.provider, enabled=True)
    assert await made.use() == "new"
    assert made.all.pool.remove("new") is slot
    assert await made.use() == "first"


@KINDS
async def test_the_full_the_dear_and_the_slow_come_later(kind: str, part: Any) -> None:
    made = rig(kind, first := part("first"), part("second"), first={"price_in": 2.0, "concurrency": 1})
    slots = made.all.pool.slots
    with slots["first"].under_way.one():
        assert await made.use() == "second"
    assert await made.use() == "first"
    made.all.pool._policy = "cost"
    assert await made.use() == "second"
    made.all.pool._policy = "latency"
    slots["first"].first_s, slots["second"].first_s = 0.1, 0.9
    assert await made.use() == "first"
    assert first.asked == 2


async def test_a_provider_that_was_removed_is_closed_when_no_turn_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_LOOK_EVERY_S", 0.001)
    made = rig("tts", first := Tts("first"), second := Tts("second"))
    answer = made.all.of(Asker())
    assert await began(answer.synthesize("One.")) == "first 1"
    slot = made.all.pool.remove("first")
    retiring = asyncio.ensure_future(slot.retire())
    assert await began(answer.synthesize("Two.")) == "first 1", "the voice changed in an answer"
    assert await began(made.all.of(Asker()).synthesize("Three.")) == "second 1"
    assert not first.closed and not retiring.done()
    made.clock.now_s += pools.QUIET_S
    await asyncio.wait_for(retiring, 60)
    assert first.closed and not second.closed


async def test_an_answer_goes_on_with_another_voice_when_its_own_fails_between_clauses() -> None:
    made = rig("tts", first := Tts("first"), Tts("second"), Tts("third"))
    first.breaks = DOWN
    answer = made.all.of(Asker())
    assert await began(answer.synthesize("One.")) == "second 1"
    first.breaks = None
    made.clock.now_s += TERMS.open_s
    made.parts[1].breaks = DOWN
    assert await began(answer.synthesize("Two.")) == "third 1"


async def test_a_voice_that_breaks_off_is_not_begun_again_by_another() -> None:
    made = rig("tts", first := Tts("first"), second := Tts("second"))
    first.breaks_late = DOWN
    said = []
    with pytest.raises(Unavailable):
        async for piece in made.all.synthesize("Hi"):
            said.append(piece.text)
    assert (said, second.asked) == (["first 1"], 0)


async def test_leaving_a_reply_stops_the_voice_and_another_is_not_asked_for_a_voice_it_lacks() -> None:
    made = rig("tts", first := Tts("first"), second := Tts("second"))
    stream = made.all.synthesize("Hi", voice="voice of first")
    await anext(stream)
    await stream.aclose()
    assert (first.left, first.voice) == (True, "voice of first")
    first.breaks = DOWN
    said = [piece.text async for piece in made.all.of(Asker()).synthesize("Hi", voice="voice of first")]
    assert said == ["second 1", "second 2"]
    assert second.voice == ""


async def test_who_has_the_voice_that_an_agent_wants_speaks() -> None:
    made = rig("tts", Tts("first"), second := Tts("second"))
    assert set(made.all.capabilities.voices) == {"voice of first", "voice of second"}
    assert await began(made.all.synthesize("Hi", voice="voice of second")) == "second 1"
    assert second.voice == "voice of second"


async def test_a_reply_is_of_one_rate_whoever_speaks() -> None:
    made = rig("tts", first := Tts("first"), Tts("second", rate_hz=16_000))
    first.breaks = DOWN
    pieces = [piece async for piece in made.all.synthesize("Hi")]
    assert {piece.rate_hz for piece in pieces} == {24_000} == {made.all.capabilities.rate_hz}
    assert sum(piece.seconds for piece in pieces) == pytest.approx(0.2, abs=0.001)
    assert "".join(piece.text for piece in pieces) == "second 1second 2"


@pytest.mark.parametrize("known", [{"dimensions": 3}, {"model": "another"}])
def test_vectors_of_two_models_are_never_mixed(known: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        rig("embed", Embed("a"), Embed("b", **known))
    assert caught.value.code == "fallback_differs"
    with pytest.raises(Misconfigured):
        rig("embed", Embed("a", revision="1"), Embed("b", revision="2"))


@pytest.mark.parametrize(("kind", "part"), [("stt", Stt), ("tts", Tts)])
async def test_nothing_of_a_tenant_reaches_a_provider_that_does_not_serve_it(kind: str, part: Any) -> None:
    theirs = part("theirs")
    made = rig(kind, theirs, everybody := part("everybody"), theirs={"tenants": ("ten_b",)})

    async def use(tenant_id: str) -> None:
        mine = made.all.of(Asker(tenant_id))
        if kind == "stt":
            await mine.transcribe(SECOND_S)
        else:
            assert [piece async for piece in mine.synthesize("Hi")]

    await use("ten_a")
    assert (theirs.asked, everybody.asked) == (0, 1)
    await use("ten_b")
    assert (theirs.asked, everybody.asked) == (1, 1)
    everybody.breaks = DOWN
    for _ in range(3):
        with pytest.raises(Unavailable):
            await use("ten_a")
        made.clock.now_s += TERMS.open_s
    await made.trials()
    assert theirs.asked == 1, "a failure sent it where it may not go"
    made.all.pool.remove("everybody")
    with pytest.raises(Unavailable) as caught:
        await use("ten_a")
    assert caught.value.code == f"{kind}_unavailable"


async def test_a_trial_of_a_provider_uses_only_sound_of_those_whom_it_serves() -> None:
    made = rig("stt", first := Stt("first"), Stt("second"), first={"tenants": ("ten_b",)})
    first.breaks = DOWN
    await made.all.of(Asker("ten_b")).transcribe(SECOND_S)
    first.breaks = None
    made.clock.now_s += TERMS.open_s
    await made.all.of(Asker("ten_a")).transcribe(SECOND_S)
    await made.trials()
    assert first.asked == 1
    await made.all.of(Asker("ten_b")).transcribe(SECOND_S)
    await made.trials()
    assert first.asked == 2


async def test_a_recogniser_is_chosen_by_language_rule_and_by_what_it_can() -> None:
    english = Stt("english", languages=("en",))
    made = rig("stt", english, Stt("german"), Stt("timed", words=True, max_s=600.0), german={"languages": ("de",)})
    caller = made.all.of(Asker("ten_a", "agent_x", "en"))
    assert (await caller.transcribe(SECOND_S, language="en-GB")).text == "english"
    assert (await caller.transcribe(SECOND_S, language="de-AT")).text == "german"
    assert (await caller.transcribe(SECOND_S, language="fr")).text == "timed"
    assert (await caller.transcribe(SECOND_S, words=True)).text == "timed"
    assert (await caller.transcribe(SECOND_S * 40)).text == "timed"
    assert caller.capabilities.model == "english"
    german = made.all.of(Asker("ten_a", "agent_x", "de"))
    assert (await german.transcribe(SECOND_S)).text == "german"


async def test_a_voice_is_chosen_by_agent_and_language() -> None:
    made = rig("tts", Tts("theirs"), Tts("english", languages=("en",)), Tts("any"), theirs={"agents": ("agent_x",)})

    async def speaker(asker: Asker) -> str:
        return await began(made.all.of(asker).synthesize("Hi"))

    assert await speaker(Asker("ten_a", "agent_x", "de")) == "theirs 1"
    assert await speaker(Asker("ten_a", "agent_y", "en-US")) == "english 1"
    assert await speaker(Asker("ten_a", "agent_y", "de")) == "any 1"


async def test_what_speech_costs_is_told_of_who_used_it() -> None:
    spent: list[tuple[str, str, int]] = []
    made = rig("stt", Stt("dear"), dear={"price_in": 0.36})
    made.all.pool.spent = lambda tenant_id, provider, nanos: spent.append((tenant_id, provider.name, nanos))
    await made.all.of(Asker("ten_a")).transcribe(SECOND_S * 10)
    made = rig("tts", Tts("dear"), dear={"price_in": 15.0})
    made.all.pool.spent = lambda tenant_id, provider, nanos: spent.append((tenant_id, provider.name, nanos))
    assert [piece async for piece in made.all.of(Asker("ten_b")).synthesize("x" * 100)]
    assert spent == [("ten_a", "dear", 1_000_000), ("ten_b", "dear", 1_500_000)]
