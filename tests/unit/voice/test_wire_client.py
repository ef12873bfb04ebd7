"""What clients say: every event in, every misfit with its code and path."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiceagent.domain.audio import WIRE_PCMU
from voiceagent.domain.conversation import ToolCall
from voiceagent.domain.reply import ToolSpec
from voiceagent.kit.errors import InvalidInput, Problem
from voiceagent.voice.items import History
from voiceagent.voice.messages import Item, ResponseOptions
from voiceagent.voice.wire import client
from voiceagent.voice.wire.client import decode, event_id_of, parse

STORED = Item("item_1", text="hello")


def read(message: object) -> client.ClientEvent:
    return decode(parse(json.dumps(message)), History([STORED]).get)


def message_item(role: str, *content: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content), **more}


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "session.update", "session": {"x": 1}}, client.UpdateSession({"x": 1})),
        (
            {"type": "input_audio_buffer.append", "audio": base64.b64encode(b"\x01\x02").decode()},
            client.AppendAudio(b"\x01\x02"),
        ),
        ({"type": "input_audio_buffer.commit", "event_id": "e"}, client.CommitAudio()),
        ({"type": "input_audio_buffer.clear"}, client.ClearAudio()),
        ({"type": "conversation.item.delete", "item_id": "i"}, client.DeleteItem("i")),
        ({"type": "conversation.item.retrieve", "item_id": "i"}, client.RetrieveItem("i")),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 90},
            client.TruncateItem("i", 90),
        ),
        ({"type": "response.create"}, client.CreateResponse(ResponseOptions())),
        ({"type": "response.cancel"}, client.CancelResponse(None)),
        ({"type": "response.cancel", "response_id": "r"}, client.CancelResponse("r")),
        ({"type": "voiceagent.playback", "item_id": "i", "played_ms": 20}, client.Playback("i", 20)),
    ],
)
def test_each_event_is_read(message: dict[str, Any], event: client.ClientEvent) -> None:
    assert read(message) == event


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (message_item("user", {"type": "input_text", "text": "hi"}, id="mine"), Item("mine", text="hi")),
        (
            message_item("system", {"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}, id="s"),
            Item("s", role="system", text="a\nb"),
        ),
        (
            message_item("assistant", {"type": "output_audio", "transcript": "said"}, id="a"),
            Item("a", role="assistant", text="said"),
        ),
        (
            message_item("user", {"type": "input_audio", "audio": "AAAA", "transcript": "heard"}, id="u"),
            Item("u", text="heard"),
        ),
        (
            {"type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "{}"},
            Item("f", "function_call", "assistant", call=ToolCall("c", "n", "{}")),
        ),
        (
            {"type": "function_call_output", "id": "o", "call_id": "c", "output": "42"},
            Item("o", "function_call_output", text="42", call=ToolCall("c", "", "")),
        ),
    ],
)
def test_each_kind_of_item_is_read_and_keeps_its_id(item: dict[str, Any], expected: Item) -> None:
    event = read({"type": "conversation.item.create", "item": item, "previous_item_id": "root"})
    assert event == client.AddItem(expected, "root")


def test_an_item_without_id_gets_one() -> None:
    item = message_item("user", {"type": "input_text", "text": "hi"})
    event = read({"type": "conversation.item.create", "item": item})
    assert isinstance(event, client.AddItem)
    assert event.item.item_id.startswith("item_")
    assert event.previous_item_id is None


def test_a_message_of_sound_alone_keeps_its_sound() -> None:
    item = message_item("user", {"type": "input_audio", "audio": "AAAA"}, id="mine")
    event = read({"type": "conversation.item.create", "item": item})
    assert event == client.AddItem(Item("mine", spoken=True), None, bytes(3))


def test_response_create_is_read_whole() -> None:
    event = read(
        {
            "type": "response.create",
            "response": {
                "conversation": "none",
                "input": [{"type": "item_reference", "id": "item_1"}],
                "instructions": "be brief",
                "output_modalities": ["text"],
                "audio": {"output": {"voice": {"id": "ann"}, "format": {"type": "audio/pcmu"}}},
                "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}],
                "tool_choice": {"type": "function", "name": "f"},
                "max_output_tokens": 7,
                "metadata": {"client_event_id": "x"},
            },
        }
    )
    options = ResponseOptions(
        instructions="be brief",
        output="text",
        tools=(ToolSpec("f", "d", {"type": "object"}),),
        tool_choice="f",
        max_output_tokens=7,
        in_conversation=False,
        input=(STORED,),
        metadata={"client_event_id": "x"},
    )
    assert event == client.CreateResponse(options, "ann", WIRE_PCMU)


def test_an_empty_input_is_an_empty_context_and_no_input_is_none() -> None:
    empty = read({"type": "response.create", "response": {"input": [], "tools": []}})
    absent = read({"type": "response.create", "response": {}})
    assert isinstance(empty, client.CreateResponse) and isinstance(absent, client.CreateResponse)
    assert (empty.options.input, empty.options.tools) == ((), ())
    assert (absent.options.input, absent.options.tools) == (None, None)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({}, "unknown_event", "type"),
        ({"type": 3}, "unknown_event", "type"),
        ({"type": "session.destroy"}, "unknown_event", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "no base64!"}, "invalid_audio", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAA"}, "invalid_audio", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "ä"}, "invalid_audio", "audio"),
        ({"type": "input_audio_buffer.commit", "now": True}, "unknown_parameter", "now"),
        ({"type": "output_audio_buffer.clear"}, "unsupported_event", "type"),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
        ({"type": "conversation.item.delete", "item_id": ""}, "invalid_value", "item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 1, "audio_end_ms": 0},
            "invalid_value",
            "content_index",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": "9"},
            "invalid_type",
            "audio_end_ms",
        ),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
        (
            {"type": "conversation.item.create", "item": {"type": "mcp_call"}},
            "invalid_value",
            "item.type",
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "item_reference", "id": "item_1"}},
            "invalid_value",
            "item.type",
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "message", "content": []}},
            "missing_required_parameter",
            "item.role",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": message_item("user", {"type": "input_text", "text": "x"}, {"type": "output_text", "text": "y"}),
            },
            "invalid_value",
            "item.content[1].type",
        ),
        (
            {"type": "conversation.item.create", "item": message_item("user", {"type": "input_image"})},
            "unsupported_content",
            "item.content[0].type",
        ),
        (
            {"type": "conversation.item.create", "item": message_item("user", {"type": "input_audio", "audio": "A"})},
            "invalid_audio",
            "item.content[0].audio",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": message_item(
                    "user", {"type": "input_text", "text": "x"}, {"type": "input_audio", "audio": "AAAA"}
                ),
            },
            "unsupported_content",
            "item.content[1].transcript",
        ),
        (
            {"type": "conversation.item.create", "item": message_item("user", {"type": "input_text"})},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "x"}},
            "missing_required_parameter",
            "item.call_id",
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call", "call_id": "c", "name": "n"}},
            "missing_required_parameter",
            "item.arguments",
        ),
        (
            {"type": "response.create", "response": {"output_modalities": ["audio", "text"]}},
            "invalid_value",
            "response.output_modalities",
        ),
        (
            {"type": "response.create", "response": {"max_output_tokens": 4097}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            {"type": "response.create", "response": {"max_output_tokens": True}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            {"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}},
            "invalid_value",
            "response.metadata",
        ),
        (
            {"type": "response.create", "response": {"tools": [{"type": "mcp", "server_label": "x"}]}},
            "invalid_value",
            "response.tools[0].type",
        ),
        (
            {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "gone"}]}},
            "item_retrieve_invalid_item_id",
            "item_id",
        ),
        ({"type": "response.create", "response": {"modalities": ["text"]}}, "unknown_parameter", "response.modalities"),
    ],
)
def test_each_misfit_names_its_code_and_field(message: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(message)
    assert (raised.value.code, raised.value.param) == (code, param)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ('"x"', "bad_json"),
        ("null", "bad_json"),
        ('{"a": NaN}', "bad_json"),
        ('{"type": "a", "type": "b"}', "json_duplicate_key"),
        ("[" * 100_000, "json_too_deep"),
    ],
)
def test_what_is_not_a_sound_json_object_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(text)
    assert raised.value.code == code


def test_half_a_surrogate_never_gets_in() -> None:
    with pytest.raises(InvalidInput):
        parse('{"type": "response.create", "response": {"instructions": "\\ud800"}}')


def test_an_event_over_15_mib_is_refused_and_one_at_the_limit_is_not() -> None:
    event = '{"type": "input_audio_buffer.append", "audio": "%s"}'
    room = client.MAX_EVENT_BYTES - len(event) + 2
    largest = event % ("A" * (room // 4 * 4))
    read_event = decode(parse(largest), History().get)
    assert isinstance(read_event, client.AppendAudio)
    assert len(read_event.audio) == room // 4 * 3
    with pytest.raises(InvalidInput) as raised:
        parse(largest + " " * 8)
    assert raised.value.code == "event_too_large"


def test_the_event_id_of_the_client_is_found_when_it_is_one() -> None:
    assert event_id_of({"event_id": "mine"}) == "mine"
    assert event_id_of({"event_id": 3}) is None
    assert event_id_of({}) is None


FIELDS = [
    "session",
    "audio",
    "item",
    "item_id",
    "response",
    "response_id",
    "content_index",
    "audio_end_ms",
    "event_id",
    "type",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "type", "AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(client._READERS)), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4))
def test_whatever_a_client_sends_is_an_event_or_a_problem(kind: str, fields: dict[str, Any]) -> None:
    try:
        event = read({"type": kind, **fields})
    except Problem as problem:
        assert problem.code and problem.status < 500
    else:
        assert event.__class__.__module__ == client.__name__
