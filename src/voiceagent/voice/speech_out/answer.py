"""One answer on its way to the ear: engine events -> clauses -> speech -> paced sound. Not about whether it may start or must stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

from voiceagent.domain.audio import SAMPLE_BYTES, Speech
from voiceagent.domain.conversation import Citation, ToolCall
from voiceagent.domain.reply import FinishReason, ReplyCitation, ReplyDone, ReplyEvent, ReplyText, ReplyToolCall
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.ports.tts import TextToSpeech
from voiceagent.voice.speech_out.clause import ClauseCutter
from voiceagent.voice.speech_out.ledger import Ledger
from voiceagent.voice.speech_out.onset import without_leading_silence
from voiceagent.voice.speech_out.pacer import PlaybackClock

CHUNK_S = 0.04
"""One piece of sound sent: short enough to stop within a frame or two, long enough to keep the event rate low."""
CLAUSES_AHEAD = 2
"""Clauses synthesised before they are needed; more would be wasted when the caller interrupts."""
TIMER_S = 0.002
"""Shorter waits are not worth a timer."""
APOLOGY = "Sorry, I have a problem and cannot answer right now."

Status = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What is to be answered, and how."""

    reply_no: int
    response_id: str
    item_id: str
    output: Literal["audio", "text"]
    voice: str = ""
    speed: float = 1.0
    metadata: dict[str, str] | None = None
    in_conversation: bool = True


@dataclass(slots=True)
class Listener:
    """Whom an answer tells: `words(text, start_ms)`, `sound(pcm, rate_hz)`, `audible()` once, when the first piece has left."""

    words: Callable[[str, int | None], None]
    sound: Callable[[bytes, int], None]
    audible: Callable[[], None]


@dataclass(slots=True)
class Outcome:
    """What became of an answer. marks: session times of first_token, first_clause, first_audio."""

    status: Status = "completed"
    reason: str | None = None
    message: str | None = None
    text: str = ""
    heard: str = ""
    audio_ms: int = 0
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str = ""
    retrieval_ms: float | None = None
    citations: list[Citation] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)


class Answer:
    """Makes an answer at once, but holds it back until `release`. `run` ends when it was played, cancelled, or failed."""

    def __init__(self, plan: AnswerPlan, source: AsyncIterator[ReplyEvent], tts: TextToSpeech, clock: Clock) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.outcome = Outcome()
        self._source = source
        self._tts = tts
        self._clock = clock
        self._listener: Listener | None = None
        self._released = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._playback = PlaybackClock()
        self._reported: tuple[float, float] | None = None  # seconds played, when the client said so
        self._clauses: asyncio.Queue[str | None] = asyncio.Queue(CLAUSES_AHEAD)
        self._pieces: asyncio.Queue[Speech | None] = asyncio.Queue(CLAUSES_AHEAD)
        self._work: asyncio.Future[None] | None = None

    async def run(self) -> Outcome:
        """Do the work. Cancelling the caller cancels it; `cancel` ends it in order."""
        self._work = asyncio.ensure_future(self._perform())
        try:
            await asyncio.wait({self._work})
        finally:
            self._work.cancel()
        if not self._work.cancelled():
            self._work.result()
        return self._closed()

    def release(self, listener: Listener) -> None:
        """The turn is over: `listener` may hear it."""
        self._listener = listener
        self._released.set()

    def cancel(self, reason: str) -> None:
        """Stop now. What was played by now counts as heard."""
        self.outcome.status, self.outcome.reason = "cancelled", reason
        if self._work is not None:
            self._work.cancel()

    def pause(self) -> None:
        """Send no more sound until `resume`; what was sent plays out."""
        self._running.clear()

    def resume(self) -> None:
        """Go on from the sample after the last one sent."""
        self._running.set()

    def played(self, seconds: float) -> None:
        """The client says how much it has played; it knows better than our clock."""
        self._reported = (seconds, self._clock.monotonic_s())

    def played_s(self) -> float:
        """Seconds of this answer that are out of the loudspeaker."""
        now_s = self._clock.monotonic_s()
        if self._reported is None:
            return self._playback.played_s(now_s, self.ledger.sent_s)
        seconds, at_s = self._reported
        since_s = now_s - at_s if self._running.is_set() else 0.0
        return min(seconds + since_s, self.ledger.sent_s)

    # --- the three stages ---------------------------------------------------------------------------------------------

    async def _perform(self) -> None:
        stages = (self._read, self._speak, self._send) if self.plan.output == "audio" else (self._read, self._write)
        async with asyncio.TaskGroup() as group:
            for stage in stages:
                group.create_task(stage())

    async def _read(self) -> None:
        cutter = ClauseCutter()
        try:
            async for event in self._source:
                await self._take(event, cutter)
        except Problem as problem:
            self.outcome.status, self.outcome.reason, self.outcome.message = "failed", problem.code, problem.message
            if "first_clause" not in self.outcome.marks and self.plan.output == "audio":
                await self._clauses.put(APOLOGY)
        for clause in cutter.flush():
            await self._put_clause(clause)
        await self._clauses.put(None)

    async def _take(self, event: ReplyEvent, cutter: ClauseCutter) -> None:
        outcome = self.outcome
        match event:
            case ReplyText(text):
                self._mark("first_token")
                outcome.text += text
                for piece in [text] if self.plan.output == "text" else cutter.feed(text):
                    await self._put_clause(piece)
            case ReplyToolCall(call):
                outcome.calls.append(call)
            case ReplyCitation(citation):
                outcome.citations.append(citation)
            case ReplyDone():
                outcome.usage, outcome.model, outcome.retrieval_ms = event.usage, event.model, event.retrieval_ms
                outcome.status, outcome.reason = _finished(event.finish_reason)

    async def _put_clause(self, clause: str) -> None:
        self._mark("first_clause")
        await self._clauses.put(clause)

    async def _speak(self) -> None:
        first = True
        while (clause := await self._clauses.get()) is not None:
            try:
                async for speech in self._tts.synthesize(clause, voice=self.plan.voice, speed=self.plan.speed):
                    await self._pieces.put(without_leading_silence(speech) if first else speech)
                    first = False
            except Problem as problem:
                self.outcome.status, self.outcome.reason, self.outcome.message = "failed", problem.code, problem.message
                break
        await self._pieces.put(None)
        while clause is not None:  # the voice failed: let the reader come to its end
            clause = await self._clauses.get()

    async def _send(self) -> None:
        listener = await self._allowed()
        while (speech := await self._pieces.get()) is not None:
            start_s = self.ledger.add(speech.text, speech.seconds)
            listener.words(speech.text, round(start_s * 1000))
            await self._send_piece(speech, listener)
        while (left_s := self.ledger.sent_s - self.played_s()) > TIMER_S:
            await asyncio.sleep(min(left_s, 0.1))
            await self._running.wait()

    async def _send_piece(self, speech: Speech, listener: Listener) -> None:
        size = int(CHUNK_S * speech.rate_hz) * SAMPLE_BYTES
        for start in range(0, len(speech.pcm), size):
            await self._due()
            chunk = speech.pcm[start : start + size]
            self._playback.start(self._clock.monotonic_s())
            listener.sound(chunk, speech.rate_hz)
            self.ledger.sent_s += len(chunk) / (SAMPLE_BYTES * speech.rate_hz)
            if "first_audio" not in self.outcome.marks:
                self._mark("first_audio")
                listener.audible()

    async def _due(self) -> None:
        while True:
            await self._running.wait()
            wait_s = self._playback.due_in_s(self._clock.monotonic_s(), self.ledger.sent_s)
            if wait_s <= TIMER_S:
                return
            await asyncio.sleep(wait_s)

    async def _write(self) -> None:
        listener = await self._allowed()
        while (text := await self._clauses.get()) is not None:
            if "first_audio" not in self.outcome.marks:
                self._mark("first_audio")
                listener.audible()
            listener.words(text, None)
            self.outcome.heard += text

    async def _allowed(self) -> Listener:
        await self._released.wait()
        if self._listener is None:
            raise RuntimeError("an answer was released without a listener")
        return self._listener

    def _mark(self, name: str) -> None:
        self.outcome.marks.setdefault(name, self._clock.monotonic_s())

    def _closed(self) -> Outcome:
        outcome = self.outcome
        outcome.audio_ms = round(self.ledger.sent_s * 1000)
        if self.plan.output == "audio":
            whole = outcome.status != "cancelled"
            outcome.heard = self.ledger.text() if whole else self.ledger.heard(self.played_s())
        return outcome


def _finished(reason: FinishReason) -> tuple[Status, str | None]:
    if reason == "length":
        return "incomplete", "max_output_tokens"
    if reason == "content_filter":
        return "incomplete", "content_filter"
    return "completed", None
