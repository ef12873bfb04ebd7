"""One answer as the protocol tells it: its items, parts and deltas in the order that every client relies on. Pure."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from typing import Any

from voiceagent.domain.usage import TokenUsage
from voiceagent.voice.messages import (
    Item,
    ReplyEnded,
    ReplyStarted,
    ReplyToolCall,
    ReplyWords,
)
from voiceagent.voice.wire.content import item_object

Events = list[dict[str, Any]]

_CLIENT_REASONS = ("turn_detected", "client_cancelled", "max_output_tokens", "content_filter")


@dataclass(slots=True)
class ReplyStory:
    """The state of one answer on the wire.

    settings: what every response object of this answer repeats (conversation_id, max_output_tokens, audio).
    An answer's message opens with its first words or sound: one that only calls a function has none.
    """

    started: ReplyStarted
    settings: dict[str, Any]
    outputs: list[dict[str, Any]] = field(default_factory=list)
    message_index: int | None = None
    said: list[str] = field(default_factory=list)

    def open(self) -> Events:
        """response.created"""
        return [{"type": "response.created", "response": self._response("in_progress", None, None)}]

    def words(self, event: ReplyWords) -> Events:
        """A delta of the text, or of the transcript with the second at which it is heard (`start_time`)."""
        events = self._open_message()
        self.said.append(event.text)
        delta = {**self._part_ids(), "delta": event.text}
        if self._is_text:
            return [*events, {"type": "response.output_text.delta", **delta}]
        if event.start_ms is not None:
            delta["start_time"] = event.start_ms / 1000
        return [*events, {"type": "response.output_audio_transcript.delta", **delta}]

    def sound(self, encoded: bytes) -> Events:
        """A delta of the sound, already in the session's output format."""
        events = self._open_message()
        if encoded:
            delta = base64.b64encode(encoded).decode()
            events.append({"type": "response.output_audio.delta", **self._part_ids(), "delta": delta})
        return events

    def tool_call(self, event: ReplyToolCall) -> Events:
        """The whole family of a function call; its arguments come in one piece."""
        item = Item(event.item_id, "function_call", "assistant", call=event.call)
        index = len(self.outputs)
        ids = {"response_id": event.response_id, "item_id": event.item_id, "output_index": index}
        call_id, name, arguments = event.call.call_id, event.call.name, event.call.arguments
        opened = item_object(item) | {"status": "in_progress", "arguments": ""}
        events = self._item_opened(opened)
        done = item_object(item)
        family = "response.function_call_arguments"
        events += [
            {"type": f"{family}.delta", **ids, "call_id": call_id, "delta": arguments},
            {"type": f"{family}.done", **ids, "call_id": call_id, "name": name, "arguments": arguments},
        ]
        return events + self._item_closed(index, done)

    def close(self, event: ReplyEnded) -> Events:
        """What ends the message, then response.done."""
        events = [] if self.message_index is None else self._close_message(self.message_index, event)
        done = self._response(event.status, _status_details(event), _usage(event.usage))
        done["voiceagent"] = {
            "timings": asdict(event.timings),
            "heard": event.heard,
            "audio_ms": event.audio_ms,
            "citations": [asdict(citation) for citation in event.citations],
        }
        return [*events, {"type": "response.done", "response": done}]

    @property
    def _is_text(self) -> bool:
        return self.started.output == "text"

    @property
    def _part(self) -> dict[str, Any]:
        return {"type": "text", "text": ""} if self._is_text else {"type": "audio", "transcript": ""}

    def _part_ids(self) -> dict[str, Any]:
        return {**self._ids(), "content_index": 0}

    def _ids(self) -> dict[str, Any]:
        ids = {"response_id": self.started.response_id, "item_id": self.started.item_id}
        return {**ids, "output_index": self.message_index}

    def _open_message(self) -> Events:
        if self.message_index is not None:
            return []
        self.message_index = len(self.outputs)
        item = Item(self.started.item_id, role="assistant", spoken=not self._is_text, status="in_progress")
        events = self._item_opened(item_object(item))
        return [*events, {"type": "response.content_part.added", **self._part_ids(), "part": self._part}]

    def _close_message(self, index: int, event: ReplyEnded) -> Events:
        ids = self._part_ids()
        whole = event.text if event.status == "completed" else "".join(self.said)
        if self._is_text:
            part: dict[str, Any] = {"type": "text", "text": whole}
            events: Events = [{"type": "response.output_text.done", **ids, "text": whole}]
        else:
            part = {"type": "audio", "transcript": whole}
            transcript = {"type": "response.output_audio_transcript.done", **ids, "transcript": whole}
            events = [{"type": "response.output_audio.done", **ids}, transcript]
        events.append({"type": "response.content_part.done", **ids, "part": part})
        completed = event.status == "completed"
        item = Item(
            self.started.item_id,
            role="assistant",
            text=event.text if completed else event.heard,
            spoken=not self._is_text,
            status="completed" if completed else "incomplete",
        )
        return events + self._item_closed(index, item_object(item))

    def _item_opened(self, item: dict[str, Any]) -> Events:
        index = len(self.outputs)
        self.outputs.append(item)
        response_id = self.started.response_id
        events: Events = [
            {"type": "response.output_item.added", "response_id": response_id, "output_index": index, "item": item}
        ]
        if self.started.in_conversation:
            events.append({"type": "conversation.item.added", "item": item, "previous_item_id": self._previous(index)})
        return events

    def _item_closed(self, index: int, item: dict[str, Any]) -> Events:
        self.outputs[index] = item
        response_id = self.started.response_id
        events: Events = [
            {"type": "response.output_item.done", "response_id": response_id, "output_index": index, "item": item}
        ]
        if self.started.in_conversation:
            events.append({"type": "conversation.item.done", "item": item, "previous_item_id": self._previous(index)})
        return events

    def _previous(self, index: int) -> str | None:
        return self.outputs[index - 1]["id"] if index else self.started.previous_item_id

    def _response(self, status: str, details: object, usage: object) -> dict[str, Any]:
        return {
            "id": self.started.response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [] if status == "in_progress" else list(self.outputs),
            **self.settings,
            "conversation_id": self.settings["conversation_id"] if self.started.in_conversation else None,
            "output_modalities": [self.started.output],
            "usage": usage,
            "metadata": self.started.metadata,
        }


def _status_details(event: ReplyEnded) -> dict[str, Any] | None:
    if event.status == "completed":
        return None
    if event.status == "failed":
        error = {"type": "server_error", "code": event.status_reason, "message": event.message}
        return {"type": "failed", "error": error}
    reason = event.status_reason if event.status_reason in _CLIENT_REASONS else None
    return {"type": event.status, "reason": reason}


def _usage(usage: TokenUsage) -> dict[str, Any]:
    """Sound costs no tokens here: the language model reads and writes text."""
    return {
        "total_tokens": usage.total_tokens,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "input_token_details": {
            "text_tokens": usage.prompt_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": usage.cached_tokens,
            "cached_tokens_details": {"text_tokens": usage.cached_tokens, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": usage.completion_tokens, "audio_tokens": 0},
    }
