"""Conversations, turns, messages and what was heard. A turn is one thing asked and one thing answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from voiceagent.domain.document import Box
from voiceagent.domain.paging import Place

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool. `arguments` is the JSON text as the model wrote it: untrusted, not yet validated."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a chat model sees it. tool_call_id is set on the answer of a tool; tool_calls on the request for it."""

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer comes from: pages count from 1, start and end are character offsets in the document's text. boxes: where the quoted
    lines stand on their pages, () when the file does not say."""

    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    score: float = 0.0
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnTimings:
    """Milliseconds from the caller's last voiced sample to each stage; None when the stage did not happen.

    soft_end: silence first noticed.  transcript: words known.  committed: the turn was declared over.
    first_token, first_clause: of the language model.  first_audio: first audible sample handed to the transport.
    """

    soft_end_ms: float | None = None
    transcript_ms: float | None = None
    committed_ms: float | None = None
    first_token_ms: float | None = None
    first_clause_ms: float | None = None
    first_audio_ms: float | None = None
    retrieval_ms: float | None = None
    audio_in_s: float = 0.0
    audio_out_s: float = 0.0


TurnState = Literal["asked", "answered", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange. `answer` is what was generated, `heard` what the caller heard of it: only `heard` enters later prompts.

    state: asked (no answer yet), answered, interrupted (heard is a part of answer), failed (error_code says why).
    """

    turn_id: str
    conversation_id: str
    asked: str
    answer: str
    heard: str
    state: TurnState
    created_at: datetime
    timings: TurnTimings = field(default_factory=TurnTimings)
    citations: tuple[Citation, ...] = ()
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error_code: str | None = None

    @property
    def place(self) -> Place:
        return self.created_at, self.turn_id


@dataclass(frozen=True, slots=True)
class Conversation:
    """A series of turns of one user with one agent."""

    conversation_id: str
    agent_id: str
    user_id: str
    channel: Literal["voice", "text"]
    created_at: datetime
    updated_at: datetime
    title: str = ""
    turn_count: int = 0

    @property
    def place(self) -> Place:
        return self.updated_at, self.conversation_id


def messages_of(turns: tuple[Turn, ...]) -> tuple[Message, ...]:
    """The turns as messages, oldest first: what was asked and what was heard. Turns that nobody heard keep the question only."""
    messages: list[Message] = []
    for turn in turns:
        if turn.asked:
            messages.append(Message("user", turn.asked))
        if turn.heard:
            messages.append(Message("assistant", turn.heard))
    return tuple(messages)
