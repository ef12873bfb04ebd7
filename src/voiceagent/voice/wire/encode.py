"""What the session tells, as server events of the realtime protocol. Keeps the state of the answers under way; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voiceagent.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem, RateLimited, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.voice.messages import (
    AudioCleared,
    AudioCommitted,
    Failed,
    IdleTimedOut,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    ItemTruncated,
    ReplyEnded,
    ReplySound,
    ReplyStarted,
    ReplyToolCall,
    ReplyWords,
    SessionEvent,
    SpeakerHeld,
    SpeechStarted,
    SpeechStopped,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
)
from voiceagent.voice.wire.content import item_object
from voiceagent.voice.wire.reply import Events, ReplyStory

_CALLERS_FAULT = (InvalidInput, NotFound, Conflict, Unauthenticated, Forbidden)
_FAMILY = "conversation.item.input_audio_transcription"


class WireEncoder:
    """Expands the session's few events into the protocol's families.

    settings: what every response object repeats (conversation_id, max_output_tokens, audio); asked when an answer starts.
    sound: turns a ReplySound into bytes of the session's output format; last: what its converter still holds when the answer ends.
    extensions: also send events of ours (`voiceagent.*`); clients that check every event must ask for them.
    """

    def __init__(
        self,
        settings: Callable[[], dict[str, Any]],
        sound: Callable[[ReplySound], bytes],
        *,
        last: Callable[[str], bytes] = lambda _response_id: b"",
        event_id: Callable[[], str] = lambda: new_id("event"),
        extensions: bool = False,
    ) -> None:
        self._settings = settings
        self._sound = sound
        self._last = last
        self._event_id = event_id
        self._extensions = extensions
        self._stories: dict[str, ReplyStory] = {}
        self._reply_items: set[str] = set()
        self.audio_was_produced = False

    def encode(self, event: SessionEvent) -> Events:
        """The server events for `event`, in order, each with a fresh event_id."""
        return [self.stamped(message) for message in self._plain(event)]

    def error(self, problem: Problem, *, client_event_id: str | None = None) -> dict[str, Any]:
        """The error event for `problem`; client_event_id names the client's event that caused it."""
        kind = "invalid_request_error" if isinstance(problem, _CALLERS_FAULT) else "server_error"
        if isinstance(problem, RateLimited):
            kind = "rate_limit_error"
        return self.stamped(_error(kind, problem.code, problem.message, problem.param, client_event_id))

    def stamped(self, message: dict[str, Any]) -> dict[str, Any]:
        """`message` with an event_id of ours."""
        return {"event_id": self._event_id(), **message}

    def _plain(self, event: SessionEvent) -> Events:
        match event:
            case ReplyStarted() | ReplyWords() | ReplySound() | ReplyToolCall() | ReplyEnded():
                return self._reply(event)
            case ItemAdded() | ItemDone() if event.item.item_id in self._reply_items:
                return []  # the answer's story tells of its own items
            case TranscriptDelta() | TranscriptCompleted() | TranscriptFailed():
                return [_transcription(event)]
            case SpeechStarted() | SpeechStopped() | AudioCommitted() | AudioCleared() | IdleTimedOut():
                return [_input_audio(event)]
            case Failed():
                return [_error("server_error", event.code, event.message, event.param, None)]
            case SpeakerHeld():
                held = {"type": "voiceagent.speaker", "item_id": event.item_id, "held": event.held}
                return [held] if self._extensions else []
            case _:
                return [_item(event)]

    def _reply(self, event: ReplyStarted | ReplyWords | ReplySound | ReplyToolCall | ReplyEnded) -> Events:
        if isinstance(event, ReplyStarted):
            begun = self._stories[event.response_id] = ReplyStory(event, self._settings())
            self._reply_items.add(event.item_id)
            return begun.open()
        story = self._stories.get(event.response_id)
        if story is None:
            return []  # a straggler of an answer that is over
        match event:
            case ReplyWords():
                return story.words(event)
            case ReplySound():
                self.audio_was_produced = True
                return story.sound(self._sound(event))
            case ReplyToolCall():
                self._reply_items.add(event.item_id)
                return story.tool_call(event)
            case ReplyEnded():
                del self._stories[event.response_id]
                rest = self._last(event.response_id)
                return (story.sound(rest) if rest else []) + story.close(event)


def _input_audio(event: SpeechStarted | SpeechStopped | AudioCommitted | AudioCleared | IdleTimedOut) -> dict[str, Any]:
    fields: dict[str, Any]
    match event:
        case SpeechStarted():
            name, fields = "speech_started", {"item_id": event.item_id, "audio_start_ms": event.audio_start_ms}
        case SpeechStopped():
            name, fields = "speech_stopped", {"item_id": event.item_id, "audio_end_ms": event.audio_end_ms}
        case AudioCommitted():
            name, fields = "committed", {"item_id": event.item_id, "previous_item_id": event.previous_item_id}
        case AudioCleared():
            name, fields = "cleared", {}
        case IdleTimedOut():
            times = {"audio_start_ms": event.audio_start_ms, "audio_end_ms": event.audio_end_ms}
            name, fields = "timeout_triggered", {"item_id": event.item_id, **times}
    return {"type": f"input_audio_buffer.{name}", **fields}


def _transcription(event: TranscriptDelta | TranscriptCompleted | TranscriptFailed) -> dict[str, Any]:
    ids = {"item_id": event.item_id, "content_index": 0}
    match event:
        case TranscriptDelta():
            return {"type": f"{_FAMILY}.delta", **ids, "delta": event.text}
        case TranscriptCompleted():
            usage = {"type": "duration", "seconds": event.audio_s}
            return {"type": f"{_FAMILY}.completed", **ids, "transcript": event.text, "usage": usage}
        case TranscriptFailed():
            error = {"type": "transcription_error", "code": event.code, "message": event.message, "param": None}
            return {"type": f"{_FAMILY}.failed", **ids, "error": error}


def _item(event: ItemAdded | ItemDone | ItemDeleted | ItemRetrieved | ItemTruncated) -> dict[str, Any]:
    fields: dict[str, Any]
    match event:
        case ItemAdded() | ItemDone():
            name = "added" if isinstance(event, ItemAdded) else "done"
            fields = {"previous_item_id": event.previous_item_id, "item": item_object(event.item)}
        case ItemDeleted():
            name, fields = "deleted", {"item_id": event.item_id}
        case ItemRetrieved():
            name, fields = "retrieved", {"item": item_object(event.item)}
        case ItemTruncated():
            ids = {"item_id": event.item_id, "content_index": 0}
            name, fields = "truncated", {**ids, "audio_end_ms": event.audio_end_ms}
    return {"type": f"conversation.item.{name}", **fields}


def _error(kind: str, code: str, message: str, param: str | None, event_id: str | None) -> dict[str, Any]:
    error = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": error}
