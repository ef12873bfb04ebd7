"""The conversation as a list of items: order, look-up, truncation, and the messages that the engine reads. Pure; no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from voiceagent.domain.conversation import Message
from voiceagent.kit.errors import InvalidInput
from voiceagent.voice.messages import Item

ROOT = "root"
"""As previous_item_id: before the first item."""


class History:
    """Items in the order of the conversation. Ids are unique; every change keeps the order of the others."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items: list[Item] = []
        for item in items:
            self.add(item)

    def __iter__(self) -> Iterator[Item]:
        return iter(tuple(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: object) -> bool:
        return any(item.item_id == item_id for item in self._items)

    def add(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Put `item` after the named one (None: at the end, "root": first) and return the id that it now follows.

        Raises InvalidInput `item_invalid_previous_id` or `item_duplicate_id`.
        """
        if item.item_id in self:
            raise InvalidInput("item_duplicate_id", "an item with this id exists already", param="item.id")
        place = self._place_after(previous_item_id)
        self._items.insert(place, item)
        return self._items[place - 1].item_id if place else None

    def get(self, item_id: str) -> Item:
        """The item. Raises InvalidInput `item_retrieve_invalid_item_id`."""
        return self._items[self._index(item_id, "item_retrieve_invalid_item_id")]

    def previous_of(self, item_id: str) -> str | None:
        """The id before this item, None for the first. Raises InvalidInput `item_retrieve_invalid_item_id`."""
        index = self._index(item_id, "item_retrieve_invalid_item_id")
        return self._items[index - 1].item_id if index else None

    def replace(self, item: Item) -> None:
        """Put `item` where the one with its id stands. Raises InvalidInput `item_retrieve_invalid_item_id`."""
        self._items[self._index(item.item_id, "item_retrieve_invalid_item_id")] = item

    def delete(self, item_id: str) -> None:
        """Remove it. Raises InvalidInput `item_delete_invalid_item_id`."""
        del self._items[self._index(item_id, "item_delete_invalid_item_id")]

    def truncate(self, item_id: str, audio_end_ms: int, heard: str | None = None) -> Item:
        """Keep of an answer what was heard up to `audio_end_ms`, and return it.

        heard: the words up to there when they are known; otherwise the same share of the words as of the sound is kept.
        Raises InvalidInput `item_truncate_invalid_item_id` (unknown, or not the sound of an answer) or
        `item_truncate_invalid_audio_end_ms` (below zero or beyond the end).
        """
        index = self._index(item_id, "item_truncate_invalid_item_id")
        item = self._items[index]
        if item.kind != "message" or item.role != "assistant" or not item.spoken:
            message = "only the sound of an answer can be truncated"
            raise InvalidInput("item_truncate_invalid_item_id", message, param="item_id")
        if not 0 <= audio_end_ms <= item.audio_ms:
            message = f"the answer is {item.audio_ms} ms long"
            raise InvalidInput("item_truncate_invalid_audio_end_ms", message, param="audio_end_ms")
        text = _share(item.text, audio_end_ms, item.audio_ms) if heard is None else heard
        status = item.status if audio_end_ms == item.audio_ms else "incomplete"
        self._items[index] = replace(item, text=text, audio_ms=audio_end_ms, status=status)
        return self._items[index]

    def messages(self) -> tuple[Message, ...]:
        """The conversation for a chat model, oldest first. See `messages_of_items`."""
        return messages_of_items(self._items)

    def _place_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == ROOT:
            return 0
        return self._index(previous_item_id, "item_invalid_previous_id", param="previous_item_id") + 1

    def _index(self, item_id: str, code: str, *, param: str = "item_id") -> int:
        for index, item in enumerate(self._items):
            if item.item_id == item_id:
                return index
        raise InvalidInput(code, "there is no item with this id in the conversation", param=param)


def messages_of_items(items: Iterable[Item]) -> tuple[Message, ...]:
    """Items as chat messages.

    Chat servers refuse a request for a tool without its answer and an answer without its request, so each pair stands
    together where the request was made, and half a pair is left out. Items without words are left out too.
    """
    items = tuple(items)
    outputs = {item.call.call_id: item for item in items if item.kind == "function_call_output" and item.call}
    messages: list[Message] = []
    answered: set[str] = set()
    for item in items:
        if item.kind == "message" and item.text.strip():
            messages.append(Message(item.role, item.text))
        elif item.kind == "function_call" and item.call and item.call.call_id not in answered:
            output = outputs.get(item.call.call_id)
            if output is not None:
                answered.add(item.call.call_id)
                messages.append(Message("assistant", "", tool_calls=(item.call,)))
                messages.append(Message("tool", output.text, tool_call_id=item.call.call_id))
    return tuple(messages)


def _share(text: str, part: int, whole: int) -> str:
    words = text.split()
    return " ".join(words[: len(words) * part // whole]) if whole else ""
