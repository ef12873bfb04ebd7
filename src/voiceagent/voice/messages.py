"""What a session is told and what it tells, free of any wire format. `wire.py` translates these to and from the realtime protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiceagent.domain.conversation import Citation, ToolCall, TurnTimings
from voiceagent.domain.reply import ToolSpec
from voiceagent.domain.usage import TokenUsage

Eagerness = Literal["low", "medium", "high", "auto"]


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """How the end of a caller's turn is found.

    kind: `semantic_vad` waits as long as the words and the tone ask for; `server_vad` waits `silence_duration_ms`.
    threshold: speech probability that opens a turn.  prefix_padding_ms: sound kept from before the first voiced sample.
    create_response: answer by itself when the turn is over.  interrupt_response: the caller may talk over the answer.
    """

    kind: Literal["server_vad", "semantic_vad"] = "semantic_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a client may change of a session. None in `turn_detection` means manual turns: the client commits and asks.

    language: BCP-47 of the caller, None for the agent's.
    """

    instructions: str | None = None
    model: str = ""
    voice: str = ""
    speed: float = 1.0
    language: str | None = None
    output: Literal["audio", "text"] = "audio"
    transcription: bool = True
    transcription_prompt: str = ""
    turn_detection: TurnDetection | None = field(default_factory=TurnDetection)
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    temperature: float | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of the conversation as a client sees it.

    kind message: role and text (for sound, text is the transcript and audio_ms its length).
    kind function_call: call.  kind function_call_output: call.call_id and text.
    """

    item_id: str
    kind: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["system", "user", "assistant"] = "user"
    text: str = ""
    spoken: bool = False
    audio_ms: int = 0
    call: ToolCall | None = None
    status: Literal["in_progress", "completed", "incomplete"] = "completed"


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """What one response.create may change. None keeps the session's setting.

    in_conversation False: the answer does not enter the history.  input: replaces the history as context; () is an empty one.
    """

    instructions: str | None = None
    output: Literal["audio", "text"] | None = None
    tools: tuple[ToolSpec, ...] | None = None
    tool_choice: str | None = None
    max_output_tokens: int | None = None
    in_conversation: bool = True
    input: tuple[Item, ...] | None = None
    metadata: dict[str, str] | None = None


# --- what the session tells -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller speaks. audio_start_ms: position in all audio received so far, prefix padding included."""

    item_id: str
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn is over. audio_end_ms: position in all audio received so far."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """The caller's sound became an item of the conversation."""

    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The sound not yet committed was thrown away at the client's wish."""


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """An item entered the conversation (its content may still grow)."""

    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class ItemDone:
    """The item is whole and, if it is kept at all, stored."""

    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemRetrieved:
    item: Item


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The item keeps only what was heard up to audio_end_ms."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """Words of the caller, known before the turn is over; later deltas only append."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptCompleted:
    item_id: str
    text: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    item_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """An answer begins. item_id names the assistant's message that it will fill."""

    response_id: str
    item_id: str
    previous_item_id: str | None
    output: Literal["audio", "text"]
    metadata: dict[str, str] | None
    in_conversation: bool = True


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """Words of the answer. start_ms: where they are heard in the answer's sound; None for a written answer."""

    response_id: str
    item_id: str
    text: str
    start_ms: int | None


@dataclass(frozen=True, slots=True)
class ReplySound:
    """The next piece of the answer's sound, mono s16le at rate_hz, paced at most 200 ms ahead of its playback."""

    response_id: str
    item_id: str
    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class ReplyToolCall:
    """The answer asks the client for a function."""

    response_id: str
    item_id: str
    output_index: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The answer is over and stored: text is all of it, heard the part that reached the caller's ear.

    status_reason: turn_detected, client_cancelled, max_output_tokens, or an error code when failed.
    """

    response_id: str
    item_id: str
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    status_reason: str | None
    text: str
    heard: str
    audio_ms: int
    usage: TokenUsage
    timings: TurnTimings
    citations: tuple[Citation, ...] = ()
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SpeakerHeld:
    """The answer's sound stopped because somebody speaks (held), or goes on from the same sample (not held)."""

    item_id: str
    held: bool


@dataclass(frozen=True, slots=True)
class IdleTimedOut:
    """Nobody said anything for idle_timeout_ms after an answer."""

    item_id: str
    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Something did not work; the session lives on."""

    code: str
    message: str
    param: str | None = None


SessionEvent = (
    SpeechStarted
    | SpeechStopped
    | AudioCommitted
    | AudioCleared
    | ItemAdded
    | ItemDone
    | ItemDeleted
    | ItemRetrieved
    | ItemTruncated
    | TranscriptDelta
    | TranscriptCompleted
    | TranscriptFailed
    | ReplyStarted
    | ReplyWords
    | ReplySound
    | ReplyToolCall
    | ReplyEnded
    | SpeakerHeld
    | IdleTimedOut
    | Failed
)
