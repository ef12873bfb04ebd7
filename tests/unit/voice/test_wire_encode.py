"""What we tell clients: the order of each family, and every event as the openai SDK reads it."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from voiceagent.domain.conversation import Citation, ToolCall, TurnTimings
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import Conflict, InvalidInput, Problem, RateLimited, Unavailable
from voiceagent.voice import messages as told
from voiceagent.voice.messages import Item
from voiceagent.voice.wire.encode import WireEncoder

SDK: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SETTINGS = {
    "conversation_id": "conv_1",
    "max_output_tokens": "inf",
    "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "lj"}},
}


def encoder(last: bytes = b"") -> WireEncoder:
    numbers = itertools.count(1)
    return WireEncoder(
        lambda: dict(SETTINGS),
        lambda event: event.pcm,
        last=lambda _id: last,
        event_id=lambda: f"event_{next(numbers)}",
    )


def told_by(*events: told.SessionEvent, wire: WireEncoder | None = None) -> list[dict[str, Any]]:
    """The server events, each proven to be what the SDK knows under that type."""
    wire = wire or encoder()
    sent = [message for event in events for message in wire.encode(event)]
    for message in sent:
        read = SDK.validate_python(message, strict=True)
        assert read.type == message["type"]
        assert type(read).__name__ != "BaseModel"
    assert len({message["event_id"] for message in sent}) == len(sent)
    return sent


def types(sent: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in sent]


def started(output: str = "audio", **more: Any) -> told.ReplyStarted:
    return told.ReplyStarted("resp_1", "item_2", "item_1", output, more.pop("metadata", None), **more)  # type: ignore[arg-type]


def ended(
    status: str = "completed", reason: str | None = None, text: str = "Hello there.", **more: Any
) -> told.ReplyEnded:
    fields = {
        "heard": text,
        "audio_ms": 900,
        "usage": TokenUsage(20, 5, 12),
        "timings": TurnTimings(transcript_ms=120.0, first_audio_ms=400.0),
    }
    return told.ReplyEnded("resp_1", "item_2", status, reason, text, **{**fields, **more})  # type: ignore[arg-type]


WORDS = told.ReplyWords("resp_1", "item_2", "Hello there.", 250)
SOUND = told.ReplySound("resp_1", "item_2", b"\x01\x00" * 4, 24_000)


def test_a_spoken_turn_is_told_in_the_order_that_clients_rely_on() -> None:
    question = Item("item_1", spoken=True, audio_ms=1_200, status="in_progress")
    whole = Item("item_1", text="hi", spoken=True, audio_ms=1_200)
    sent = told_by(
        told.SpeechStarted("item_1", 100),
        told.SpeechStopped("item_1", 1_300),
        told.AudioCommitted("item_1", None),
        told.ItemAdded(question, None),
        told.ItemDone(whole, None),
        told.TranscriptDelta("item_1", "hi"),
        told.TranscriptCompleted("item_1", "hi", 1.2),
        started(metadata={"client_event_id": "abc"}),
        WORDS,
        SOUND,
        ended(),
    )
    assert types(sent) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]


def test_the_parts_of_a_spoken_answer() -> None:
    created, added, in_conversation, part, words, sound, *closing, done = told_by(
        started(metadata={"client_event_id": "abc"}), WORDS, SOUND, ended(citations=(Citation("d", "t", 4, 0, 9, "q"),))
    )
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["metadata"] == {"client_event_id": "abc"}
    assert created["response"]["conversation_id"] == "conv_1"
    assert added["item"]["status"] == "in_progress" and added["item"]["content"] == []
    assert in_conversation["previous_item_id"] == "item_1"
    assert part["part"] == {"type": "audio", "transcript": ""}
    assert words["start_time"] == 0.25 and words["delta"] == "Hello there."
    assert base64.b64decode(sound["delta"]) == SOUND.pcm
    assert [event["type"].split(".", 1)[1] for event in closing][:2] == [
        "output_audio.done",
        "output_audio_transcript.done",
    ]
    response = done["response"]
    assert response["status"] == "completed" and response["status_details"] is None
    assert response["metadata"] == {"client_event_id": "abc"}
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello there."}]
    assert response["usage"]["input_token_details"]["cached_tokens"] == 12
    assert response["usage"]["total_tokens"] == 25
    assert response["voiceagent"]["timings"]["first_audio_ms"] == 400.0
    assert response["voiceagent"]["citations"][0]["page"] == 4


def test_a_written_answer_has_text_parts_and_no_sound() -> None:
    sent = told_by(started("text"), told.ReplyWords("resp_1", "item_2", "Hello there.", None), ended(audio_ms=0))
    assert types(sent)[3:6] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
    ]
    assert sent[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "Hello there."}]


def test_a_function_call_has_its_family_and_no_message() -> None:
    call = told.ReplyToolCall("resp_1", "item_3", 0, ToolCall("call_1", "weather", '{"city":"Rome"}'))
    sent = told_by(started("audio"), call, ended(text="", audio_ms=0))
    assert types(sent) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    done_item = sent[5]["item"]
    assert (done_item["call_id"], done_item["name"], done_item["arguments"]) == ("call_1", "weather", '{"city":"Rome"}')
    assert done_item["status"] == "completed"
    assert [item["id"] for item in sent[-1]["response"]["output"]] == ["item_3"]


def test_words_and_a_function_call_have_indexes_of_their_own() -> None:
    call = told.ReplyToolCall("resp_1", "item_3", 1, ToolCall("call_1", "weather", "{}"))
    sent = told_by(started(), WORDS, SOUND, call, ended())
    indexes = {message["item_id"]: message["output_index"] for message in sent if "item_id" in message}
    assert indexes == {"item_2": 0, "item_3": 1}
    added = [message for message in sent if message["type"] == "conversation.item.added"]
    assert [message["previous_item_id"] for message in added] == ["item_1", "item_2"]
    assert [item["id"] for item in sent[-1]["response"]["output"]] == ["item_2", "item_3"]


def test_an_interrupted_answer_keeps_what_was_heard() -> None:
    sent = told_by(
        started(), WORDS, SOUND, ended("cancelled", "turn_detected", "Hello there. And more.", heard="Hello")
    )
    response = sent[-1]["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["content"][0]["transcript"] == "Hello"
    assert response["output"][0]["status"] == "incomplete"
    done = next(message for message in sent if message["type"] == "response.output_audio_transcript.done")
    assert done["transcript"] == "Hello there."
    assert response["voiceagent"]["heard"] == "Hello"


def test_an_answer_that_never_said_anything_has_no_message() -> None:
    sent = told_by(started(), ended("cancelled", "client_cancelled", ""))
    assert types(sent) == ["response.created", "response.done"]
    assert sent[-1]["response"]["output"] == []


def test_a_failed_answer_says_why() -> None:
    sent = told_by(started(), ended("failed", "llm_unavailable", "", message="no model answers"))
    error = sent[-1]["response"]["status_details"]["error"]
    assert (error["code"], error["message"]) == ("llm_unavailable", "no model answers")


def test_an_answer_outside_the_conversation_leaves_no_items_in_it() -> None:
    sent = told_by(
        started("text", in_conversation=False), told.ReplyWords("resp_1", "item_2", "x", None), ended(text="x")
    )
    assert not [name for name in types(sent) if name.startswith("conversation.")]
    assert sent[0]["response"]["conversation_id"] is None


def test_items_of_an_answer_are_told_once() -> None:
    answer = Item("item_2", role="assistant", text="Hello there.", spoken=True)
    sent = told_by(started(), told.ItemAdded(answer, "item_1"), WORDS, ended(), told.ItemDone(answer, "item_1"))
    assert types(sent).count("conversation.item.added") == 1
    assert types(sent).count("conversation.item.done") == 1


def test_what_the_converter_still_holds_is_sent_before_the_end() -> None:
    sent = told_by(started(), SOUND, ended(), wire=encoder(last=b"\x07\x00"))
    sounds = [
        base64.b64decode(message["delta"]) for message in sent if message["type"] == "response.output_audio.delta"
    ]
    assert sounds == [SOUND.pcm, b"\x07\x00"]


def test_a_straggler_of_an_answer_that_is_over_is_dropped() -> None:
    assert types(told_by(started(), ended(), SOUND, WORDS)) == ["response.created", "response.done"]


def test_two_answers_at_once_are_kept_apart() -> None:
    other = told.ReplyStarted("resp_2", "item_9", None, "text", {"n": "2"}, in_conversation=False)
    wire = encoder()
    sent = told_by(started(), other, told.ReplyWords("resp_2", "item_9", "aside", None), WORDS, wire=wire)
    assert [message.get("response_id") for message in sent if message["type"].endswith(".delta")] == [
        "resp_2",
        "resp_1",
    ]


def test_events_of_ours_go_only_to_clients_that_ask_for_them() -> None:
    held = told.SpeakerHeld("item_2", held=True)
    assert told_by(held) == []
    ours = WireEncoder(dict, lambda event: event.pcm, event_id=lambda: "event_1", extensions=True)
    assert ours.encode(held) == [
        {"event_id": "event_1", "type": "voiceagent.speaker", "item_id": "item_2", "held": True}
    ]


def test_audio_was_produced_once_sound_was_sent() -> None:
    wire = encoder()
    told_by(started(), WORDS, wire=wire)
    assert not wire.audio_was_produced
    told_by(SOUND, wire=wire)
    assert wire.audio_was_produced


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (told.AudioCleared(), "input_audio_buffer.cleared"),
        (told.IdleTimedOut("item_1", 10, 20), "input_audio_buffer.timeout_triggered"),
        (told.ItemDeleted("item_1"), "conversation.item.deleted"),
        (told.ItemTruncated("item_1", 500), "conversation.item.truncated"),
        (told.ItemRetrieved(Item("item_1", text="x")), "conversation.item.retrieved"),
        (told.ItemRetrieved(Item("item_1", text="x", spoken=True)), "conversation.item.retrieved"),
        (told.ItemRetrieved(Item("item_1", role="assistant", text="x", spoken=True)), "conversation.item.retrieved"),
        (told.ItemRetrieved(Item("item_1", role="system", text="x")), "conversation.item.retrieved"),
        (
            told.ItemRetrieved(Item("item_1", "function_call", "assistant", call=ToolCall("c", "n", "{}"))),
            "conversation.item.retrieved",
        ),
        (
            told.ItemRetrieved(Item("item_1", "function_call_output", text="x", call=ToolCall("c", "", ""))),
            "conversation.item.retrieved",
        ),
        (
            told.TranscriptFailed("item_1", "stt_unavailable", "try again"),
            "conversation.item.input_audio_transcription.failed",
        ),
        (told.Failed("stt_unavailable", "the recogniser does not answer"), "error"),
    ],
)
def test_every_other_event_is_one_that_the_sdk_knows(event: told.SessionEvent, name: str) -> None:
    assert types(told_by(event)) == [name]


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (InvalidInput("unknown_event", "no such event", param="type"), "invalid_request_error"),
        (Conflict("response_cancel_not_active", "nothing to cancel"), "invalid_request_error"),
        (RateLimited("too_many", "later"), "rate_limit_error"),
        (Unavailable("stt_unavailable", "later"), "server_error"),
    ],
)
def test_an_error_names_the_event_that_caused_it(problem: Problem, kind: str) -> None:
    message = encoder().error(problem, client_event_id="mine")
    read = SDK.validate_python(message, strict=True)
    assert (read.error.type, read.error.code, read.error.param) == (kind, problem.code, problem.param)
    assert read.error.event_id == "mine"
