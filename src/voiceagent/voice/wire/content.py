"""Items of the conversation between their JSON and our dataclass. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from voiceagent.domain.conversation import ToolCall
from voiceagent.kit.errors import InvalidInput, Unsupported
from voiceagent.kit.ids import new_id
from voiceagent.voice.messages import Item
from voiceagent.voice.wire.shapes import Content, ItemShape

_FITTING = {
    "system": {"input_text", "text"},
    "user": {"input_text", "input_audio", "text"},
    "assistant": {"output_text", "output_audio", "text", "audio"},
}


def sound_of(shape: ItemShape, path: str) -> bytes | None:
    """The sound of a user's message that comes without its words; None when it has words. Raises InvalidInput `invalid_audio`."""
    if shape.type != "message" or shape.role != "user" or shape.content is None or len(shape.content) != 1:
        return None
    part = shape.content[0]
    if part.type != "input_audio" or part.audio is None or part.transcript is not None or part.text is not None:
        return None
    return audio_of(part.audio, f"{path}.content[0].audio")


def audio_of(text: str, path: str) -> bytes:
    """The bytes that base64 `text` stands for. Raises InvalidInput `invalid_audio`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("invalid_audio", f"{path} is not base64", param=path) from error


def item_of(shape: ItemShape, path: str, find: Callable[[str], Item] | None = None) -> Item:
    """The item that a client describes; its own id is kept. find: looks up what an item_reference names.

    Raises InvalidInput (missing parts, content that does not fit the role) and Unsupported `unsupported_content`.
    """
    item_id = shape.id or new_id("item")
    if shape.type == "message":
        return _message(shape, item_id, path)
    if shape.type == "item_reference":
        if find is None or shape.id is None:
            raise InvalidInput("invalid_value", f"{path}: nothing to refer to", param=f"{path}.id")
        return find(shape.id)
    if shape.call_id is None and shape.type == "function_call_output":
        raise _missing(f"{path}.call_id")
    call_id = shape.call_id or new_id("call")
    if shape.type == "function_call_output":
        if shape.output is None:
            raise _missing(f"{path}.output")
        return Item(item_id, "function_call_output", text=shape.output, call=ToolCall(call_id, "", ""))
    if shape.name is None or shape.arguments is None:
        raise _missing(f"{path}.{'name' if shape.name is None else 'arguments'}")
    return Item(item_id, "function_call", "assistant", call=ToolCall(call_id, shape.name, shape.arguments))


def _message(shape: ItemShape, item_id: str, path: str) -> Item:
    if shape.role is None or shape.content is None:
        raise _missing(f"{path}.{'role' if shape.role is None else 'content'}")
    texts = [_text_of(part, shape.role, f"{path}.content[{index}]") for index, part in enumerate(shape.content)]
    return Item(item_id, "message", shape.role, text="\n".join(texts))


def _text_of(part: Content, role: str, path: str) -> str:
    if part.type == "input_image":
        raise Unsupported("unsupported_content", "images are not supported", param=f"{path}.type")
    if part.type not in _FITTING[role]:
        message = f"{path}: {part.type} does not fit a message of role {role}"
        raise InvalidInput("invalid_value", message, param=f"{path}.type")
    text = part.text if part.text is not None else part.transcript
    if text is None and part.audio is not None:
        message = "sound is taken here only with its transcript; make it an item of its own, or append it"
        raise Unsupported("unsupported_content", message, param=f"{path}.transcript")
    if text is None:
        raise _missing(f"{path}.text")
    return text


def _missing(param: str) -> InvalidInput:
    return InvalidInput("missing_required_parameter", f"{param} is required", param=param)


def item_object(item: Item) -> dict[str, Any]:
    """The item as sent."""
    head: dict[str, Any] = {"id": item.item_id, "object": "realtime.item", "type": item.kind, "status": item.status}
    if item.kind == "function_call" and item.call:
        return {**head, "call_id": item.call.call_id, "name": item.call.name, "arguments": item.call.arguments}
    if item.kind == "function_call_output" and item.call:
        return {**head, "call_id": item.call.call_id, "output": item.text}
    return {**head, "role": item.role, "content": _content(item)}


def _content(item: Item) -> list[dict[str, Any]]:
    if item.role == "user" and item.spoken:
        return [{"type": "input_audio", "transcript": item.text or None}]
    if item.role == "assistant":
        if item.status == "in_progress" and not item.text:
            return []
        if item.spoken:
            return [{"type": "output_audio", "transcript": item.text}]
        return [{"type": "output_text", "text": item.text}]
    return [{"type": "input_text", "text": item.text}]
