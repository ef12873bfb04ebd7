"""What a client says: JSON text to one of our small events. Pure; every misfit is a Problem with a code and the path of the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from voiceagent.domain.audio import AudioFormat
from voiceagent.kit.errors import InvalidInput, TooLarge, Unsupported
from voiceagent.kit.ids import new_id
from voiceagent.voice.messages import Item, ResponseOptions
from voiceagent.voice.wire.config import FORMATS, max_tokens_of, tool_choice_of, tools_of
from voiceagent.voice.wire.content import audio_of, item_of, sound_of
from voiceagent.voice.wire.shapes import Id, ItemShape, Response, Shape, checked
from voiceagent.web.strict_json import strict_loads

MAX_EVENT_BYTES = 15 * 1024 * 1024
"""Largest event, and largest binary frame (openai-protocol: 15 MiB an event); as base64 that is 11.25 MiB of sound, 3.9 minutes."""


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """session.update; `change` is checked when it is merged, because the rules depend on the session."""

    change: object


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """input_audio_buffer.append: sound in the session's input format."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """input_audio_buffer.commit"""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """input_audio_buffer.clear"""


@dataclass(frozen=True, slots=True)
class AddItem:
    """conversation.item.create. sound: of a message without words, in the session's input format; its text is to be recognised."""

    item: Item
    previous_item_id: str | None
    sound: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """conversation.item.delete"""

    item_id: str


@dataclass(frozen=True, slots=True)
class RetrieveItem:
    """conversation.item.retrieve"""

    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """conversation.item.truncate"""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """response.create. voice and format: as asked for this answer, None for the session's."""

    options: ResponseOptions
    voice: str | None = None
    format: AudioFormat | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """response.cancel"""

    response_id: str | None


@dataclass(frozen=True, slots=True)
class Playback:
    """voiceagent.playback, our extension: how much of an answer the loudspeaker has played."""

    item_id: str
    played_ms: int


ClientEvent = (
    UpdateSession
    | AppendAudio
    | CommitAudio
    | ClearAudio
    | AddItem
    | DeleteItem
    | RetrieveItem
    | TruncateItem
    | CreateResponse
    | CancelResponse
    | Playback
)
Find = Callable[[str], Item]


class _Event(Shape):
    type: str
    event_id: str | None = None


class _CreateItem(_Event):
    item: ItemShape
    previous_item_id: Id | None = None


class _NamesItem(_Event):
    item_id: Id


class _Truncate(_NamesItem):
    content_index: Literal[0]
    audio_end_ms: int


class _CreateResponse(_Event):
    response: Response | None = None


class _CancelResponse(_Event):
    response_id: Id | None = None


class _Playback(_NamesItem):
    played_ms: int


def parse(text: str) -> dict[str, Any]:
    """The JSON object of one event. Raises TooLarge `event_too_large` and InvalidInput `bad_json` (see web.strict_json)."""
    if len(text) > MAX_EVENT_BYTES:
        raise TooLarge("event_too_large", "an event may be 15 MiB at most")
    message = strict_loads(text)
    if not isinstance(message, dict):
        raise InvalidInput("bad_json", "an event is a JSON object")
    return message


def event_id_of(message: dict[str, Any]) -> str | None:
    """The client's own id of the event, to name it in an error."""
    event_id = message.get("event_id")
    return event_id if isinstance(event_id, str) and len(event_id) <= 512 else None


def decode(message: dict[str, Any], find: Find) -> ClientEvent:
    """The event that `message` is. find: looks up an item of the conversation by id (for references).

    Raises InvalidInput `unknown_event`, `invalid_audio` and what `shapes.checked` and `content.item_of` raise.
    """
    kind = message.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise InvalidInput("unknown_event", "the type of the event is missing or unknown", param="type")
    return reader(message, find)


def _update(message: dict[str, Any], _find: Find) -> UpdateSession:
    if not isinstance(message.get("session"), dict):
        raise InvalidInput("missing_required_parameter", "session is required", param="session")
    return UpdateSession(message["session"])


def _append(message: dict[str, Any], _find: Find) -> AppendAudio:
    audio = message.get("audio")
    if not isinstance(audio, str):
        raise InvalidInput("missing_required_parameter", "audio is required", param="audio")
    return AppendAudio(audio_of(audio, "audio"))


def _commit(message: dict[str, Any], _find: Find) -> CommitAudio:
    checked(_Event, message, "")
    return CommitAudio()


def _clear(message: dict[str, Any], _find: Find) -> ClearAudio:
    checked(_Event, message, "")
    return ClearAudio()


def _clear_output(_message: dict[str, Any], _find: Find) -> ClientEvent:
    text = "output_audio_buffer.clear belongs to WebRTC; here, cancel the response and stop your own playback"
    raise Unsupported("unsupported_event", text, param="type")


def _add(message: dict[str, Any], find: Find) -> AddItem:
    event = checked(_CreateItem, message, "")
    if event.item.type == "item_reference":
        raise InvalidInput("invalid_value", "a reference is not an item", param="item.type")
    sound = sound_of(event.item, "item")
    if sound is None:
        return AddItem(item_of(event.item, "item", find), event.previous_item_id)
    return AddItem(Item(event.item.id or new_id("item"), spoken=True), event.previous_item_id, sound)


def _delete(message: dict[str, Any], _find: Find) -> DeleteItem:
    return DeleteItem(checked(_NamesItem, message, "").item_id)


def _retrieve(message: dict[str, Any], _find: Find) -> RetrieveItem:
    return RetrieveItem(checked(_NamesItem, message, "").item_id)


def _truncate(message: dict[str, Any], _find: Find) -> TruncateItem:
    event = checked(_Truncate, message, "")
    return TruncateItem(event.item_id, event.audio_end_ms)


def _respond(message: dict[str, Any], find: Find) -> CreateResponse:
    response = checked(_CreateResponse, message, "").response or Response()
    items = response.input
    options = ResponseOptions(
        instructions=response.instructions or None,
        output=response.output_modalities[0] if response.output_modalities else None,
        tools=None if response.tools is None else tools_of([tool.model_dump() for tool in response.tools]),
        tool_choice=None if response.tool_choice is None else tool_choice_of(response.tool_choice),
        max_output_tokens=max_tokens_of(response.max_output_tokens),
        in_conversation=response.conversation != "none",
        input=None
        if items is None
        else tuple(item_of(item, f"response.input[{index}]", find) for index, item in enumerate(items)),
        metadata=response.metadata,
    )
    sound = response.audio.output if response.audio else None
    if sound is None:
        return CreateResponse(options)
    return CreateResponse(options, sound.voice, FORMATS[sound.format.type] if sound.format else None)


def _cancel(message: dict[str, Any], _find: Find) -> CancelResponse:
    return CancelResponse(checked(_CancelResponse, message, "").response_id)


def _playback(message: dict[str, Any], _find: Find) -> Playback:
    event = checked(_Playback, message, "")
    return Playback(event.item_id, max(0, event.played_ms))


_READERS: dict[str, Callable[[dict[str, Any], Find], ClientEvent]] = {
    "session.update": _update,
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
    "input_audio_buffer.clear": _clear,
    "output_audio_buffer.clear": _clear_output,
    "conversation.item.create": _add,
    "conversation.item.delete": _delete,
    "conversation.item.retrieve": _retrieve,
    "conversation.item.truncate": _truncate,
    "response.create": _respond,
    "response.cancel": _cancel,
    "voiceagent.playback": _playback,
}
