"""The conversation as a list of items: order, truncation, and messages that a chat server accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.kit.errors import InvalidInput
from voiceagent.voice.items import History
from voiceagent.voice.messages import Item


def said(item_id: str, role: str = "user", text: str = "words", **more: object) -> Item:
    return Item(item_id, "message", role, text, **more)  # type: ignore[arg-type]


def ids(history: History) -> list[str]:
    return [item.item_id for item in history]


def test_items_go_to_the_end_to_the_front_or_after_a_named_one() -> None:
    history = History([said("a"), said("b")])
    assert history.add(said("c")) == "b"
    assert history.add(said("first"), "root") is None
    assert history.add(said("between"), "a") == "a"
    assert ids(history) == ["first", "a", "between", "b", "c"]
    assert history.previous_of("b") == "between"
    assert history.previous_of("first") is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda history: history.add(said("x"), "nowhere"), "item_invalid_previous_id"),
        (lambda history: history.add(said("a")), "item_duplicate_id"),
        (lambda history: history.get("nobody"), "item_retrieve_invalid_item_id"),
        (lambda history: history.replace(said("nobody")), "item_retrieve_invalid_item_id"),
        (lambda history: history.delete("nobody"), "item_delete_invalid_item_id"),
        (lambda history: history.truncate("nobody", 0), "item_truncate_invalid_item_id"),
        (lambda history: history.truncate("a", 0), "item_truncate_invalid_item_id"),
        (lambda history: history.truncate("spoken", 1_001), "item_truncate_invalid_audio_end_ms"),
        (lambda history: history.truncate("spoken", -1), "item_truncate_invalid_audio_end_ms"),
    ],
)
def test_a_change_that_cannot_be_made_leaves_everything_as_it_was(change, code: str) -> None:  # type: ignore[no-untyped-def]
    history = History([said("a"), said("spoken", "assistant", "one two", spoken=True, audio_ms=1_000)])
    before = list(history)
    with pytest.raises(InvalidInput) as raised:
        change(history)
    assert raised.value.code == code
    assert list(history) == before


def test_truncation_keeps_the_words_heard() -> None:
    history = History([said("a", "assistant", "one two three four", spoken=True, audio_ms=2_000)])
    kept = history.truncate("a", 1_000, "one two th")
    assert (kept.text, kept.audio_ms, kept.status) == ("one two th", 1_000, "incomplete")
    assert history.get("a") == kept


def test_truncation_without_known_words_keeps_their_share() -> None:
    history = History([said("a", "assistant", "one two three four", spoken=True, audio_ms=2_000)])
    assert history.truncate("a", 1_100).text == "one two"
    assert history.truncate("a", 0).text == ""


def test_messages_pair_each_call_with_its_output_and_drop_half_pairs() -> None:
    call, lonely = ToolCall("c1", "weather", "{}"), ToolCall("c2", "news", "{}")
    history = History(
        [
            said("s", "system", "be brief"),
            said("u", text="how is the weather?"),
            Item("f1", "function_call", "assistant", call=call),
            Item("f2", "function_call", "assistant", call=lonely),
            said("u2", text="hello?"),
            Item("o1", "function_call_output", text="sunny", call=ToolCall("c1", "", "")),
            Item("o9", "function_call_output", text="?", call=ToolCall("c9", "", "")),
            said("empty", "assistant", " "),
        ]
    )
    assert history.messages() == (
        Message("system", "be brief"),
        Message("user", "how is the weather?"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "sunny", tool_call_id="c1"),
        Message("user", "hello?"),
    )


def items() -> st.SearchStrategy[Item]:
    text = st.text(max_size=12)
    message = st.builds(Item, st.just("?"), st.just("message"), st.sampled_from(["system", "user", "assistant"]), text)
    call = st.builds(ToolCall, st.sampled_from("xyz"), st.just("f"), st.just("{}"))
    asks = st.builds(Item, st.just("?"), st.just("function_call"), st.just("assistant"), call=call)
    gives = st.builds(Item, st.just("?"), st.just("function_call_output"), text=text, call=call)
    return st.one_of(message, asks, gives)


@given(st.lists(items(), max_size=12))
def test_messages_always_satisfy_a_chat_server(drawn: list[Item]) -> None:
    history = History(replace(item, item_id=str(index)) for index, item in enumerate(drawn))
    messages = history.messages()
    for index, message in enumerate(messages):
        assert message.text.strip() or message.tool_calls or message.role == "tool"
        if message.role == "tool":
            assert messages[index - 1].tool_calls[0].call_id == message.tool_call_id
        if message.tool_calls:
            assert messages[index + 1].role == "tool"
    spoken = [item.text for item in drawn if item.kind == "message" and item.text.strip()]
    assert [message.text for message in messages if message.role != "tool" and message.text] == spoken


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14), st.booleans()), max_size=30))
def test_order_is_that_of_a_list_under_any_additions_and_deletions(steps: list[tuple[int, int, bool]]) -> None:
    history, model = History(), list[str]()
    for name, place, adds in steps:
        item_id = str(name)
        if not adds:
            if item_id in model:
                model.remove(item_id)
                history.delete(item_id)
        elif item_id not in model:
            previous = None if place >= len(model) else model[place]
            model.insert(len(model) if previous is None else place + 1, item_id)
            history.add(said(item_id), previous)
        assert ids(history) == model


@given(st.text(), st.integers(1, 60_000), st.data())
def test_truncation_keeps_a_beginning(text: str, length_ms: int, data: st.DataObject) -> None:
    end_ms = data.draw(st.integers(0, length_ms))
    history = History([said("a", "assistant", text, spoken=True, audio_ms=length_ms)])
    kept = history.truncate("a", end_ms).text.split()
    assert kept == text.split()[: len(kept)]
    assert end_ms < length_ms or kept == text.split()
