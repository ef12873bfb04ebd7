"""Scripted parts for tests of the voice server: a session that notes what it is told, recogniser, voice and engine without models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import HTTPConnection

from voiceagent.domain.agent import Agent
from voiceagent.domain.audio import Speech, Transcript, Word, pcm_seconds
from voiceagent.domain.conversation import Citation, Conversation, Turn
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyEvent, ReplyRequest, ReplyText
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import Conflict, InvalidInput, NotFound, Problem, Unauthenticated, Unavailable
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.stt import SttCapabilities
from voiceagent.ports.tts import TtsCapabilities
from voiceagent.voice import messages as told
from voiceagent.voice.items import History
from voiceagent.voice.messages import Item, ResponseOptions, SessionEvent, SessionSettings

TALKER = Principal("ten_1", "key_1", frozenset({"talk"}))
WATCHER = Principal("ten_1", "key_2", frozenset({"metrics:read"}))


async def authenticate(conn: HTTPConnection) -> Principal | None:
    """`Bearer talker` may talk, `Bearer watcher` may not."""
    offered = conn.headers.get("authorization")
    if offered is None:
        return None
    known = {"Bearer talker": TALKER, "Bearer watcher": WATCHER}
    if offered not in known:
        raise Unauthenticated("bad_token", "no such caller")
    return known[offered]


class FakeSession:
    """Notes every call in `calls`; `tell` says something to the client."""

    def __init__(self, settings: SessionSettings, conversation_id: str = "conv_1") -> None:
        self.session_id = "sess_1"
        self.conversation_id = conversation_id
        self.items = History()
        self.settings = settings
        self.calls: list[tuple[Any, ...]] = []
        self.heard_bytes = 0
        self.owes = False
        self.closed: list[str] = []
        self.fails_with: Exception | None = None
        self.breaks_with: Exception | None = None
        self._out: asyncio.Queue[SessionEvent | None] = asyncio.Queue()

    def tell(self, *events: SessionEvent) -> None:
        for event in events:
            self._out.put_nowait(event)

    def end(self) -> None:
        self._out.put_nowait(None)

    def on_frame(self, pcm: bytes) -> None:
        self.heard_bytes += len(pcm)

    def commit_audio(self) -> None:
        if self.heard_bytes < 3_200:
            raise InvalidInput("input_audio_buffer_commit_empty", "less than 100 ms")
        self._note("commit_audio")

    def clear_audio(self) -> None:
        self._note("clear_audio")
        self.tell(told.AudioCleared())

    def update(self, settings: SessionSettings) -> None:
        self.settings = settings

    def add_item(self, item: Item, previous_item_id: str | None) -> None:
        previous = self.items.add(item, previous_item_id)
        self.tell(told.ItemAdded(item, previous), told.ItemDone(item, previous))

    def delete_item(self, item_id: str) -> None:
        self.items.delete(item_id)
        self.tell(told.ItemDeleted(item_id))

    def retrieve_item(self, item_id: str) -> None:
        self.tell(told.ItemRetrieved(self.items.get(item_id)))

    def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        self._note("truncate_item", item_id, audio_end_ms)

    def create_response(self, options: ResponseOptions) -> None:
        self._note("create_response", options)

    def cancel_response(self, response_id: str | None) -> None:
        raise Conflict("response_cancel_not_active", "no answer")

    def played(self, item_id: str, played_ms: int) -> None:
        self._note("played", item_id, played_ms)

    async def events(self) -> AsyncIterator[SessionEvent]:
        while (event := await self._out.get()) is not None:
            if self.breaks_with is not None:
                raise self.breaks_with
            yield event

    async def close(self, reason: str) -> None:
        self.closed.append(reason)
        self.end()

    def _note(self, *call: Any) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        self.calls.append(call)


@dataclass
class Sessions:
    """Opens FakeSessions and keeps them. Only conversation conv_1 and agent default exist."""

    opened: list[FakeSession] = field(default_factory=list)
    callers: list[Principal] = field(default_factory=list)
    resumed: list[str | None] = field(default_factory=list)
    full: bool = False

    async def open(
        self, principal: Principal, settings: SessionSettings, conversation_id: str | None, agent_id: str
    ) -> FakeSession:
        if self.full:
            raise Unavailable("voice_full", "all lines are busy", retry_after_s=5)
        if conversation_id not in (None, "conv_1"):
            raise NotFound("conversation_not_found", "no such conversation")
        if agent_id != "default":
            raise NotFound("agent_not_found", "no such agent")
        self.callers.append(principal)
        self.resumed.append(conversation_id)
        self.opened.append(FakeSession(settings))
        return self.opened[-1]


class FakeStt:
    """Recognises one word a second: `word0 word1 ...`; nothing in silence."""

    def __init__(self, *, max_s: float = 30.0, fails_with: Problem | None = None) -> None:
        self.capabilities = SttCapabilities("fake-stt", ("en",), True, max_s)
        self.fails_with = fails_with
        self.calls: list[tuple[float, str | None, str]] = []

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        if self.fails_with is not None:
            raise self.fails_with
        seconds = pcm_seconds(pcm, 16_000)
        assert seconds <= self.capabilities.max_s
        self.calls.append((seconds, language, prompt))
        if not any(pcm):
            return Transcript("", duration_s=seconds, no_speech=1.0)
        found = tuple(Word(f"word{number}", number + 0.1, number + 0.9) for number in range(max(1, int(seconds))))
        text = " ".join(word.text for word in found)
        return Transcript(text, "en", 0.9, 0.01, seconds, found if words else ())

    async def close(self) -> None: ...


class FakeTts:
    """Says each word for 0.1 s at 22.05 kHz with one tone."""

    def __init__(self, *, fails_with: Problem | None = None) -> None:
        self.capabilities = TtsCapabilities("fake-tts", 22_050, ("ann", "bob"), ("en",))
        self.fails_with = fails_with
        self.calls: list[tuple[str, str, float]] = []
        self.stopped = 0

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        self.calls.append((text, voice, speed))
        if self.fails_with is not None:
            raise self.fails_with
        if voice and voice not in self.capabilities.voices:
            raise InvalidInput("unknown_voice", "no such voice", param="voice")
        try:
            for word in text.split():
                if any(letter.isalnum() for letter in word):
                    await asyncio.sleep(0)
                    yield Speech(b"\x00\x20" * 2_205, 22_050, word)
        finally:
            self.stopped += 1

    async def close(self) -> None: ...


class FakeEngine:
    """One conversation in memory. Answers with a citation, or fails."""

    def __init__(self, *, answer: str = "It is sunny.", fails_with: Problem | None = None) -> None:
        self.answer = answer
        self.fails_with = fails_with
        self.recorded: list[Turn] = []
        self.requests: list[ReplyRequest] = []
        self.on_reply: Callable[[], None] = lambda: None

    async def open_conversation(
        self, principal: Principal, *, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        if conversation_id not in (None, "conv_1"):
            raise NotFound("conversation_not_found", "There is no such conversation.")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        conversation = Conversation("conv_1", agent_id, principal.subject, "voice", now, now)
        turns = {turn.turn_id: turn for turn in self.recorded} if conversation_id else {}
        return OpenedConversation(conversation, Agent(voice="bob"), tuple(turns.values()))

    async def prepare(self, request: ReplyRequest) -> None: ...

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.requests.append(request)
        self.on_reply()
        if self.fails_with is not None:
            raise self.fails_with
        for word in self.answer.split(" "):
            yield ReplyText(f"{word} ")
        yield ReplyCitation(Citation("doc_1", "Handbook", 4, 10, 20, "sunny"))
        yield ReplyDone("stop", TokenUsage(30, 4), "fake-llm", retrieval_ms=12.0)

    async def record(self, principal: Principal, turn: Turn) -> None:
        self.recorded.append(turn)
