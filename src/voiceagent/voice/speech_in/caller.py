"""The caller's side of a session: sound in, speech found, turns recognised and judged, items of the caller told. No policy about turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voiceagent.domain.provider import Asker
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id
from voiceagent.voice import messages as told
from voiceagent.voice import turn_words as turn
from voiceagent.voice.messages import Item, TurnDetection
from voiceagent.voice.rules import segment_rules_of
from voiceagent.voice.segment import Edge
from voiceagent.voice.speech_in.ahead import Ahead
from voiceagent.voice.speech_in.partial import StablePrefix
from voiceagent.voice.speech_in.stream import SpeechIn
from voiceagent.voice.stage import Asked, Stage, VoiceParts

JUDGED_S = 8.0
"""The end-of-turn model looks at no more than this."""
SETTLE_AFTER_S = 8.0
"""Recognised speech before a pause is not recognised again once the turn is longer than this."""
SETTLE_PAUSE_S = 0.3
WINDOWS_A_STEP = 8
"""Detector windows (0.5 ms each) between two looks at the event loop, when sound comes faster than real time."""


class Caller:
    """Hears the caller for one session and performs the machine's effects that concern listening."""

    def __init__(
        self,
        stage: Stage,
        parts: VoiceParts,
        asker: Asker,
        on_asked: Callable[[Asked], None],
        on_words: Callable[[str], None],
    ) -> None:
        """asker: for whom it hears.  on_asked: a turn is over.  on_words: what the open turn says so far, told at its pauses and now and then between them."""
        self._stage = stage
        self._parts = parts
        self._language = asker.language
        self._stt = parts.speech.hearing(asker)
        self._on_asked = on_asked
        self._on_words = on_words
        self._detection = stage.settings.turn_detection
        self._speech = SpeechIn(parts.vad.open(), segment_rules_of(self._detection), self._edge)
        self._arrived_s = parts.clock.monotonic_s()
        self._sound = asyncio.Event()
        self._work: dict[str, asyncio.Task[None]] = {}
        self._item_id = new_id("item")
        self._turn_from_s = 0.0  # stream positions, seconds
        self._paused_from_s = 0.0
        self._settled = ""
        self._open_text = ""
        self._closing_pcm = b""
        self._stable = StablePrefix()
        self._ahead = Ahead(stage.scope, parts.clock, self._hear_so_far, on_words)
        self._told_speech = False
        self._voiced = False
        self._marks: dict[str, float] = {}
        self.detect(self._detection)
        stage.scope.start(self._listen(), name="listen")

    # --- sound --------------------------------------------------------------------------------------------------------

    def hear(self, pcm: bytes) -> None:
        """More sound from the client."""
        self._speech.push(pcm)
        self._arrived_s = self._parts.clock.monotonic_s()
        self._sound.set()

    def detect(self, detection: TurnDetection | None) -> None:
        """Look for speech by these rules; None: the client says where its turns end."""
        self._detection = detection
        self._speech.rules = segment_rules_of(detection)
        self._speech.detecting = detection is not None
        if detection is None and self._speech.open_from_s is None:
            self._speech.open(self._speech.received_s)

    def open_s(self) -> float:
        """Seconds of sound that a commit would take."""
        return self._speech.open_seconds()

    def close_turn(self) -> None:
        """The client ends its turn here."""
        self._closing_pcm = self._speech.turn_pcm()
        self._turn_from_s = self._speech.received_s - self._speech.open_seconds()
        self._next_turn()

    def forget(self) -> None:
        """The client throws its sound away."""
        self._speech.forget()
        self._next_turn()

    def _next_turn(self) -> None:
        if self._detection is None:
            self._speech.open(self._speech.received_s)
        else:
            self._speech.close()
            self._speech.restart()

    async def _listen(self) -> None:
        while True:
            await self._sound.wait()
            self._sound.clear()
            windows = 0
            while self._speech.hear_window():
                windows += 1
                if windows % WINDOWS_A_STEP == 0:
                    await asyncio.sleep(0)

    def _edge(self, edge: Edge) -> None:
        now_s = self._parts.clock.monotonic_s()
        if edge.kind == "started":
            if self._speech.open_from_s is None:
                self._turn_from_s = edge.at_s
            self._voiced = True
            if self._told_speech:
                self._look_ahead()
            self._stage.happen(turn.SpeechBegan(now_s, self._time_of(edge.at_s)))
        else:
            self._voiced = False
            self._ahead.end()
            self._paused_from_s = edge.at_s
            self._marks = {"soft_end": now_s}
            self._stage.happen(turn.SpeechPaused(now_s, self._time_of(edge.at_s)))

    def _time_of(self, position_s: float) -> float:
        """Session time at which the sample at this position of the stream arrived."""
        return self._arrived_s - (self._speech.received_s - position_s)

    # --- effects ------------------------------------------------------------------------------------------------------

    def perform(self, effect: turn.TurnEffect) -> bool:
        """Do what the machine wants of the listening side; False when the effect is not its business."""
        match effect:
            case turn.OpenTurn():
                self._open_turn()
            case turn.ReviseTurn():
                self._settle()
            case turn.DropTurn():
                self._drop()
            case turn.Transcribe(revision):
                self._start("recognise", self._recognise(revision))
            case turn.JudgeEnd(revision):
                self._start("judge", self._judge(revision))
            case turn.TellSpeech():
                padding_ms = self._detection.prefix_padding_ms if self._detection else 0
                start_ms = max(0, round(self._turn_from_s * 1000) - padding_ms)
                self._stage.tell(told.SpeechStarted(self._item_id, start_ms))
                self._told_speech = True
                if self._voiced:
                    self._look_ahead()
            case turn.CommitTurn(text, voiced_s):
                self._commit(text, voiced_s, None)
            case turn.FailTurn(code):
                self._commit("", self._parts.clock.monotonic_s(), code)
            case _:
                return False
        return True

    def _look_ahead(self) -> None:
        """Recognise between the pauses too, where that costs nobody money."""
        if self._stt.capabilities.local:
            self._ahead.begin()

    def _open_turn(self) -> None:
        padding_s = (self._detection.prefix_padding_ms if self._detection else 0) / 1000
        self._speech.open(self._turn_from_s - padding_s)
        self._settled = self._open_text = ""

    def _settle(self) -> None:
        """The caller goes on after a pause: in a long turn, what was recognised before it is not recognised again."""
        long_enough = self._paused_from_s - (self._speech.open_from_s or 0.0) >= SETTLE_AFTER_S
        paused_s = self._speech.received_s - self._paused_from_s
        if long_enough and paused_s >= SETTLE_PAUSE_S and self._open_text:
            self._settled = f"{self._settled} {self._open_text}".strip()
            self._speech.open(self._paused_from_s + SETTLE_PAUSE_S / 2)
        self._open_text = ""

    def _drop(self) -> None:
        self._end_ahead()
        self._settled = self._open_text = ""
        self._stable = StablePrefix()
        self._speech.close()

    def _start(self, name: str, work: object) -> None:
        older = self._work.get(name)
        if older is not None:
            older.cancel()
        self._work[name] = self._stage.scope.start(work, name=name)  # type: ignore[arg-type]

    async def _hear_so_far(self) -> str:
        text = await self._heard(self._speech.turn_pcm())
        self._tell_stable(text)
        return text

    async def _recognise(self, revision: int) -> None:
        pcm, self._closing_pcm = self._closing_pcm or self._speech.turn_pcm(), b""
        settled = self._settled
        try:
            text = await self._heard(pcm)
        except Problem as problem:
            now_s = self._parts.clock.monotonic_s()
            self._stage.happen(turn.TranscriptionFailed(now_s, revision, problem.code))
            return
        self._open_text = text.removeprefix(settled).strip()
        self._marks["transcript"] = self._parts.clock.monotonic_s()
        self._tell_stable(text)
        self._on_words(text)
        self._stage.happen(turn.Transcribed(self._parts.clock.monotonic_s(), revision, text))

    async def _heard(self, pcm: bytes) -> str:
        """The words of the open turn: those of `pcm` after those that are settled. Raises the recogniser's Problem."""
        settings, settled = self._stage.settings, self._settled
        transcript = await self._stt.transcribe(
            pcm, language=settings.language or self._language or None, prompt=settings.transcription_prompt
        )
        return f"{settled} {transcript.text}".strip()

    def _tell_stable(self, text: str) -> None:
        stable = self._stable.grow(text)
        if stable and self._stage.settings.transcription:
            self._stage.tell(told.TranscriptDelta(self._item_id, stable))

    async def _judge(self, revision: int) -> None:
        try:
            probability = await self._parts.turns.probability(self._speech.turn_pcm(last_s=JUDGED_S))
        except Problem:
            return  # the machine decides without it after its deadline
        self._stage.happen(turn.EndJudged(self._parts.clock.monotonic_s(), revision, probability))

    def _commit(self, text: str, voiced_s: float, error_code: str | None) -> None:
        stage, item_id = self._stage, self._item_id
        self._item_id = new_id("item")
        end_s = max(self._turn_from_s, self._speech.received_s - (self._arrived_s - voiced_s))
        audio_s = end_s - self._turn_from_s
        item = Item(item_id, text=text, spoken=True, audio_ms=round(audio_s * 1000))
        if self._detection is not None:
            stage.tell(told.SpeechStopped(item_id, round(end_s * 1000)))
        previous = stage.items.add(item)
        stage.tell(told.AudioCommitted(item_id, previous))
        stage.tell(told.ItemAdded(item, previous))
        if stage.settings.transcription:
            self._tell_transcript(item_id, text, audio_s, error_code)
        self._marks["committed"] = self._parts.clock.monotonic_s()
        self._on_asked(Asked(item_id, text, audio_s, voiced_s, self._marks, error_code))
        self._marks = {}
        self._settled = self._open_text = ""
        self._end_ahead()
        if self._detection is not None:
            self._speech.close()

    def _end_ahead(self) -> None:
        self._ahead.end()
        self._told_speech = False

    def _tell_transcript(self, item_id: str, text: str, audio_s: float, error_code: str | None) -> None:
        rest = self._stable.finish(text)
        if error_code is not None:
            self._stage.tell(told.TranscriptFailed(item_id, error_code, "the speech could not be recognised"))
            return
        if rest:
            self._stage.tell(told.TranscriptDelta(item_id, rest))
        self._stage.tell(told.TranscriptCompleted(item_id, text, audio_s))
