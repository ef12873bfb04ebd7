"""A telephone call in virtual time: a script of speech goes in as real frames, everything that the session tells comes out with its time.

The sound carries its own words: every word of the script is a steady level of its own, so the scripted recogniser hears
exactly the words that are in the sound it is given, whichever part of the sound that is.
"""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.virtual_time import LoopClock

from voiceagent.domain.agent import Agent
from voiceagent.domain.audio import Speech, Transcript
from voiceagent.domain.conversation import Conversation, ToolCall, Turn
from voiceagent.domain.identity import DEFAULT_TENANT_ID, Principal
from voiceagent.domain.reply import ReplyDone, ReplyEvent, ReplyRequest, ReplyText, ReplyToolCall
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import Problem
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.speech import SameForAll
from voiceagent.ports.stt import SttCapabilities
from voiceagent.voice.messages import ReplySound, SessionEvent, SessionSettings
from voiceagent.voice.recorder import Recorder
from voiceagent.voice.session import VoiceSession
from voiceagent.voice.stage import VoiceParts

RATE_HZ = 16_000
FRAME_S = 0.02
NOISE = "[noise]"
_BASE, _STEP = 2000, 50


@dataclass(slots=True)
class Script:
    """Who says what when: words evenly spread between two times, silence elsewhere."""

    spans: list[tuple[float, float, int]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    end_s: float = 0.0

    def say(self, text: str, start_s: float, end_s: float) -> Script:
        words = text.split()
        step_s = (end_s - start_s) / len(words)
        for index, word in enumerate(words):
            self.spans.append((start_s + index * step_s, start_s + (index + 1) * step_s, len(self.words)))
            self.words.append(word)
        self.end_s = max(self.end_s, end_s)
        return self

    def frame(self, at_s: float) -> bytes:
        samples = array.array("h", bytes(int(FRAME_S * RATE_HZ) * 2))
        for index in range(len(samples)):
            now_s = at_s + index / RATE_HZ
            for start_s, end_s, word in self.spans:
                if start_s <= now_s < end_s:
                    samples[index] = _BASE + _STEP * word
        return samples.tobytes()

    def recognise(self, pcm: bytes) -> str:
        """The words of which at least a third is in the sound."""
        samples = array.array("h", pcm)
        heard: dict[int, int] = {}
        for sample in samples:
            if sample >= _BASE:
                heard[(sample - _BASE) // _STEP] = heard.get((sample - _BASE) // _STEP, 0) + 1
        lengths = {word: (end_s - start_s) * RATE_HZ for start_s, end_s, word in self.spans}
        known = [word for word, count in sorted(heard.items()) if count >= lengths[word] / 3]
        return " ".join(self.words[word] for word in known if self.words[word] != NOISE)


@dataclass(slots=True)
class Ears:
    """Voice activity, recogniser and end-of-turn model on the script."""

    script: Script
    stt_s: float = 0.1
    judge_s: float = 0.06
    judge: Callable[[str], float] = lambda text: 0.95 if text.endswith((".", "?", "!")) else 0.2
    failure: Problem | None = None
    transcribed: int = 0
    local: bool = True

    @property
    def capabilities(self) -> SttCapabilities:
        return SttCapabilities("script", (), words=False, max_s=600.0, local=self.local)

    def open(self) -> Ears:
        return self

    def probability_of(self, window: bytes) -> float:
        return 0.9 if any(sample >= _BASE for sample in array.array("h", window)) else 0.05

    def reset(self) -> None:
        pass

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        self.transcribed += 1
        await asyncio.sleep(self.stt_s)
        if self.failure is not None:
            raise self.failure
        return Transcript(self.script.recognise(pcm))


class Vad:
    def __init__(self, ears: Ears) -> None:
        self._ears = ears

    def open(self) -> Vad:
        return self

    def probability(self, window: bytes) -> float:
        return self._ears.probability_of(window)

    def reset(self) -> None:
        pass


class Judge:
    def __init__(self, ears: Ears) -> None:
        self._ears = ears

    async def probability(self, pcm: bytes) -> float:
        await asyncio.sleep(self._ears.judge_s)
        return self._ears.judge(self._ears.script.recognise(pcm))

    async def close(self) -> None:
        pass


class Voice:
    """Says everything at 15 characters a second, after 20 ms of work a clause."""

    rate_hz = 24_000

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        await asyncio.sleep(0.02)
        if text.strip():
            yield Speech(array.array("h", [3000] * int(len(text) / 15 * self.rate_hz)).tobytes(), self.rate_hz, text)


@dataclass(slots=True)
class Brain:
    """An engine that answers from a list and remembers what it was asked and told to store."""

    answers: list[str] = field(default_factory=lambda: ["It is sunny today. Tomorrow it will rain all day long."])
    first_token_s: float = 0.08
    token_s: float = 0.02
    calls: tuple[ToolCall, ...] = ()
    failure: Problem | None = None
    stall_s: float = 0.0
    store_s: float = 0.002
    store_failure: Problem | None = None
    requests: list[ReplyRequest] = field(default_factory=list)
    stored: dict[str, Turn] = field(default_factory=dict)
    prepare_s: float = 0.01
    stopped: int = 0
    prepared: list[ReplyRequest] = field(default_factory=list)
    preparing: int = 0

    async def prepare(self, request: ReplyRequest) -> None:
        self.prepared.append(request)
        self.preparing += 1
        try:
            await asyncio.sleep(self.prepare_s)
        finally:
            self.preparing -= 1

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.requests.append(request)
        answered = sum(message.role == "assistant" for message in request.messages)
        try:
            await asyncio.sleep(self.first_token_s + self.stall_s)
            if self.failure is not None:
                raise self.failure
            for word in self.answers[min(answered, len(self.answers) - 1)].split(" "):
                yield ReplyText(word + " ")
                await asyncio.sleep(self.token_s)
            for call in self.calls:
                yield ReplyToolCall(call)
            yield ReplyDone("tool_calls" if self.calls else "stop", TokenUsage(20, 10), "scripted")
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped += 1
            raise

    async def record(self, principal: Principal, turn: Turn) -> None:
        await asyncio.sleep(self.store_s)
        if self.store_failure is not None:
            raise self.store_failure
        self.stored[turn.turn_id] = turn


@dataclass(slots=True)
class Call:
    """One call under way. `told` is everything told so far as (time, event)."""

    session: VoiceSession
    script: Script
    brain: Brain
    ears: Ears
    told: list[tuple[float, SessionEvent]] = field(default_factory=list)

    def of(self, kind: type[SessionEvent]) -> list[SessionEvent]:
        return [event for _, event in self.told if isinstance(event, kind)]

    def times(self, kind: type[SessionEvent]) -> list[float]:
        return [at_s for at_s, event in self.told if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """Names of what was told, runs of the same kind once."""
        names = [type(event).__name__ for _, event in self.told]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    @property
    def turns(self) -> list[Turn]:
        return list(self.brain.stored.values())

    def sound_s(self) -> float:
        return sum(len(event.pcm) / 2 / event.rate_hz for event in self.of(ReplySound))


async def place(
    script: Script,
    *,
    until_s: float,
    brain: Brain | None = None,
    settings: SessionSettings | None = None,
    greeting: str = "",
    before: Callable[[datetime], tuple[Turn, ...]] = lambda now: (),
    recorder: Recorder | None = None,
    during: Callable[[Call, float], None] | None = None,
    **ears: object,
) -> Call:
    """Hold the call; its conversation has the turns `before`(now). Frames every 20 ms until `until_s`, `during(call, at_s)` before each; then hang up."""
    brain, hearing, clock = brain or Brain(), Ears(script, **ears), LoopClock()
    parts = VoiceParts(SameForAll(hearing, Voice()), Vad(hearing), Judge(hearing), brain, clock)  # type: ignore[arg-type]
    principal = Principal(DEFAULT_TENANT_ID, "key_1", frozenset({"talk"}))
    conversation = Conversation("conv_1", "default", "key_1", "voice", clock.now(), clock.now())
    opened = OpenedConversation(conversation, Agent(greeting=greeting), before(clock.now()))
    session = VoiceSession(parts, principal, opened, settings or SessionSettings(), recorder)
    call = Call(session, script, brain, hearing)
    listener = asyncio.create_task(_listen(call))
    start_s = clock.monotonic_s()
    for index in range(round(until_s / FRAME_S)):
        at_s = index * FRAME_S
        await asyncio.sleep(max(0.0, start_s + at_s + FRAME_S - clock.monotonic_s()))
        if during is not None:
            during(call, at_s)
        session.on_frame(script.frame(at_s))
    await session.close("hung_up")
    await listener
    return call


async def _listen(call: Call) -> None:
    async for event in call.session.events():
        call.told.append((asyncio.get_running_loop().time(), event))
