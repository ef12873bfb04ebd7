"""The realtime socket over ASGI: handshake, every client event, bad input, floods, clients that vanish or never read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.asgi_socket import AsgiSocket, Refused
from tests.support.patience import ANSWER_S
from tests.support.voice_fakes import TALKER, FakeEngine, FakeSession, FakeStt, FakeTts, Sessions, authenticate

from voiceagent.domain.conversation import TurnTimings
from voiceagent.domain.usage import TokenUsage
from voiceagent.ports.speech import SameForAll
from voiceagent.voice import messages as told
from voiceagent.voice.messages import Item, ResponseOptions
from voiceagent.voice.realtime.connection import ConnectionLimits
from voiceagent.voice.server import VoiceServerParts, create_voice
from voiceagent.voice.wire.client import MAX_EVENT_BYTES

PATH = "/v1/realtime"
TALK = {"authorization": "Bearer talker"}


def app_of(sessions: Sessions, **more: Any) -> FastAPI:
    parts = VoiceServerParts(sessions.open, SameForAll(FakeStt(), FakeTts()), FakeEngine(), **more)
    return create_voice(parts, auth=authenticate)


def connect(app: FastAPI, **more: Any) -> AsgiSocket:
    return AsgiSocket(app, PATH, headers=TALK, **more)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def append(pcm: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


async def until(socket: AsgiSocket, kind: str) -> dict[str, Any]:
    while (event := await socket.receive())["type"] != kind:
        pass
    return event


async def eventually(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(ANSWER_S):
        while not happened():
            await asyncio.sleep(0)


async def test_the_first_event_is_session_created(sessions: Sessions) -> None:
    async with connect(app_of(sessions), query={"model": "gpt-realtime"}, subprotocols=("realtime", "x")) as socket:
        event = await socket.receive()
    assert socket.subprotocol == "realtime"
    assert event["type"] == "session.created"
    session = event["session"]
    assert (session["id"], session["model"], session["object"]) == ("sess_1", "gpt-realtime", "realtime.session")
    assert session["audio"]["output"]["voice"] == "default"
    assert session["voiceagent"] == {"conversation_id": "conv_1"}
    assert sessions.callers == [TALKER]


async def test_an_agent_may_be_named_as_the_model_where_none_is_named_otherwise(sessions: Sessions) -> None:
    async with connect(app_of(sessions), query={"model": "agent_of_hers", "agent_id": "default"}) as socket:
        assert (await socket.receive())["type"] == "session.created"


async def test_events_sent_before_session_created_are_served_after_it(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        socket.send({"type": "session.update", "session": {"instructions": "early"}})
        assert (await socket.receive())["type"] == "session.created"
        assert (await socket.receive())["type"] == "session.updated"
        assert sessions.opened[0].settings.instructions == "early"


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, {}, 401),
        ({"authorization": "Bearer forged"}, {}, 401),
        ({"authorization": "Bearer watcher"}, {}, 403),
        (TALK, {"conversation_id": "conv_of_somebody_else"}, 404),
        (TALK, {"agent_id": "nobody"}, 404),
        (TALK, {"model": "agent_of_somebody_else"}, 404),
        (TALK, {"call_id": "rtc_1"}, 404),
        (TALK, {"model": "m" * 129}, 400),
    ],
)
async def test_a_handshake_that_does_not_hold_is_refused_before_the_upgrade(
    sessions: Sessions, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    with pytest.raises(Refused) as refused:
        async with AsgiSocket(app_of(sessions), PATH, headers=headers, query=query):
            pass
    assert refused.value.status == status
    assert json.loads(refused.value.body)["error"]["code"]
    assert sessions.opened == []


async def test_a_full_house_refuses_the_handshake(sessions: Sessions) -> None:
    sessions.full = True
    with pytest.raises(Refused) as refused:
        async with connect(app_of(sessions)):
            pass
    assert refused.value.status == 503


async def test_an_update_is_merged_answered_and_reaches_the_session(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        change = {"type": "realtime", "instructions": "be brief", "audio": {"input": {"turn_detection": None}}}
        socket.send({"type": "session.update", "session": change})
        event = await socket.receive()
        assert event["type"] == "session.updated"
        assert event["session"]["audio"]["input"]["turn_detection"] is None
        assert event["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
        settings = sessions.opened[0].settings
        assert (settings.instructions, settings.turn_detection) == ("be brief", None)


async def test_a_transcription_session_gives_no_answers(sessions: Sessions) -> None:
    async with connect(app_of(sessions), query={"intent": "transcription"}) as socket:
        created = await socket.receive()
        assert created["session"]["type"] == "transcription"
        socket.send({"type": "response.create"})
        assert (await socket.receive())["error"]["code"] == "unsupported_event"


@pytest.mark.parametrize(
    ("name", "bytes_a_second"), [("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)]
)
async def test_sound_reaches_the_session_at_16_khz(sessions: Sessions, name: str, bytes_a_second: int) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        socket.send({"type": "session.update", "session": {"audio": {"input": {"format": {"type": name}}}}})
        for _ in range(50):
            socket.send(append(bytes(bytes_a_second // 50)))
        socket.send(bytes(bytes_a_second))  # binary frames are sound, too
        socket.send({"type": "input_audio_buffer.commit"})
        await eventually(lambda: ("commit_audio",) in sessions.opened[0].calls)
        assert sessions.opened[0].heard_bytes == pytest.approx(2 * 32_000, rel=0.02)


async def test_ten_thousand_appends_without_a_pause_hold_nobody_up(sessions: Sessions) -> None:
    app = app_of(sessions)
    async with connect(app) as flood, connect(app) as other:
        await flood.receive()
        await other.receive()
        frame = append(bytes(96))
        for _ in range(10_000):
            flood.send(frame)
        flood.send({"type": "input_audio_buffer.clear"})
        other.send({"type": "input_audio_buffer.clear"})
        assert (await other.receive())["type"] == "input_audio_buffer.cleared"
        assert sessions.opened[0].calls == []  # the flood is still being read
        assert (await until(flood, "input_audio_buffer.cleared"))["type"] == "input_audio_buffer.cleared"
        assert sessions.opened[0].heard_bytes == pytest.approx(10_000 * 64, rel=0.02)


async def test_the_largest_append_is_taken_and_a_larger_one_is_an_error(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        most_bytes = MAX_EVENT_BYTES * 3 // 4 - 96
        socket.send(append(bytes(most_bytes)))
        socket.send({"type": "input_audio_buffer.clear"})
        await until(socket, "input_audio_buffer.cleared")
        assert sessions.opened[0].heard_bytes == pytest.approx(most_bytes * 2 / 3, rel=0.001)
        socket.send("x" * (MAX_EVENT_BYTES + 1))
        assert (await socket.receive())["error"]["code"] == "event_too_large"
        socket.send(bytes(MAX_EVENT_BYTES + 1))
        assert (await socket.receive())["error"]["code"] == "event_too_large"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "bad_json"),
        ("[]", "bad_json"),
        ({"event_id": "mine"}, "unknown_event"),
        ({"type": "unheard.of", "event_id": "mine"}, "unknown_event"),
        ({"type": "input_audio_buffer.append", "audio": "###", "event_id": "mine"}, "invalid_audio"),
        ({"type": "input_audio_buffer.commit", "event_id": "mine"}, "input_audio_buffer_commit_empty"),
        ({"type": "session.update", "session": {"volume": 11}, "event_id": "mine"}, "unknown_parameter"),
        ({"type": "conversation.item.retrieve", "item_id": "x", "event_id": "mine"}, "item_retrieve_invalid_item_id"),
        ({"type": "conversation.item.delete", "item_id": "x", "event_id": "mine"}, "item_delete_invalid_item_id"),
        ({"type": "response.cancel", "event_id": "mine"}, "response_cancel_not_active"),
        (
            {"type": "response.create", "response": {"audio": {"output": {"voice": "bob"}}}, "event_id": "mine"},
            "unsupported_response_voice",
        ),
        (
            {
                "type": "response.create",
                "response": {"audio": {"output": {"format": {"type": "audio/pcmu"}}}},
                "event_id": "mine",
            },
            "unsupported_response_format",
        ),
        ({"type": "output_audio_buffer.clear", "event_id": "mine"}, "unsupported_event"),
    ],
)
async def test_a_bad_event_is_answered_with_an_error_and_the_session_lives_on(
    sessions: Sessions, frame: Any, code: str
) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        socket.send(frame)
        event = await socket.receive()
        assert (event["type"], event["error"]["code"]) == ("error", code)
        assert event["error"]["type"] == "invalid_request_error"
        assert event["error"]["event_id"] == ("mine" if isinstance(frame, dict) else None)
        socket.send({"type": "input_audio_buffer.clear"})
        assert (await socket.receive())["type"] == "input_audio_buffer.cleared"


async def test_an_event_that_we_fail_on_does_not_end_the_call_nor_tell_why(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        sessions.opened[0].fails_with = KeyError("secret inside")
        socket.send({"type": "response.create", "event_id": "mine"})
        event = await socket.receive()
        assert (event["error"]["code"], event["error"]["event_id"]) == ("internal", "mine")
        assert "secret" not in json.dumps(event)
        sessions.opened[0].fails_with = None
        socket.send({"type": "response.create"})
        await eventually(lambda: sessions.opened[0].calls == [("create_response", ResponseOptions())])


async def test_items_are_added_retrieved_truncated_and_deleted(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        socket.send({"type": "conversation.item.create", "item": item, "previous_item_id": "root"})
        added = await socket.receive()
        assert (added["type"], added["item"]["id"], added["previous_item_id"]) == (
            "conversation.item.added",
            "mine",
            None,
        )
        assert (await socket.receive())["type"] == "conversation.item.done"
        socket.send({"type": "conversation.item.retrieve", "item_id": "mine"})
        assert (await socket.receive())["item"]["content"] == [{"type": "input_text", "text": "hi"}]
        socket.send({"type": "conversation.item.truncate", "item_id": "mine", "content_index": 0, "audio_end_ms": 5})
        socket.send({"type": "voiceagent.playback", "item_id": "mine", "played_ms": 20})
        socket.send({"type": "conversation.item.delete", "item_id": "mine"})
        assert (await socket.receive())["type"] == "conversation.item.deleted"
        assert sessions.opened[0].calls == [("truncate_item", "mine", 5), ("played", "mine", 20)]


async def test_a_message_of_sound_is_recognised_before_it_is_added(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        sound = base64.b64encode(b"\x00\x10" * 72_000).decode()
        item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
        socket.send({"type": "conversation.item.create", "item": item})
        socket.send({"type": "conversation.item.retrieve", "item_id": "mine"})
        for kind in ("conversation.item.added", "conversation.item.done", "conversation.item.retrieved"):
            event = await socket.receive()
            assert event["type"] == kind
            assert event["item"]["content"] == [{"type": "input_audio", "transcript": "word0 word1 word2"}]
        assert sessions.opened[0].items.get("mine").audio_ms == 3_000


async def test_response_create_refers_to_items_of_the_conversation(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        stored = Item("mine", text="hi")
        sessions.opened[0].items.add(stored)
        response = {"conversation": "none", "input": [{"type": "item_reference", "id": "mine"}], "metadata": {"k": "v"}}
        socket.send({"type": "response.create", "response": response})
        await eventually(lambda: len(sessions.opened[0].calls) == 1)
        expected = ResponseOptions(in_conversation=False, input=(stored,), metadata={"k": "v"})
        assert sessions.opened[0].calls == [("create_response", expected)]


def answer(session: FakeSession) -> None:
    session.tell(
        told.ReplyStarted("resp_1", "item_2", None, "audio", {"client_event_id": "x"}),
        told.ReplyWords("resp_1", "item_2", "Hello.", 0),
        *[told.ReplySound("resp_1", "item_2", bytes(960), 24_000) for _ in range(5)],
        told.ReplyEnded(
            "resp_1",
            "item_2",
            "completed",
            None,
            "Hello.",
            "Hello.",
            100,
            TokenUsage(9, 2),
            TurnTimings(first_audio_ms=300),
        ),
    )


@pytest.mark.parametrize(("name", "bytes_of_100_ms"), [("audio/pcm", 4_800), ("audio/pcmu", 800), ("audio/pcma", 800)])
async def test_an_answer_arrives_in_the_format_of_the_session(
    sessions: Sessions, name: str, bytes_of_100_ms: int
) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        socket.send({"type": "session.update", "session": {"audio": {"output": {"format": {"type": name}}}}})
        await socket.receive()
        answer(sessions.opened[0])
        sound, event = 0, await socket.receive()
        assert event["response"]["audio"]["output"]["format"]["type"] == name
        while event["type"] != "response.done":
            event = await socket.receive()
            sound += len(base64.b64decode(event["delta"])) if event["type"] == "response.output_audio.delta" else 0
        assert sound == pytest.approx(bytes_of_100_ms, abs=2)
        assert event["response"]["metadata"] == {"client_event_id": "x"}
        assert event["response"]["voiceagent"]["timings"]["first_audio_ms"] == 300
        socket.send({"type": "session.update", "session": {"audio": {"output": {"voice": "bob"}}}})
        assert (await socket.receive())["error"]["code"] == "cannot_update_voice"


@pytest.mark.parametrize("asked", [True, False])
async def test_events_of_ours_are_for_clients_that_ask(sessions: Sessions, asked: bool) -> None:
    async with connect(app_of(sessions), query={"extensions": "true"} if asked else {}) as socket:
        await socket.receive()
        sessions.opened[0].tell(told.SpeakerHeld("item_2", held=True), told.AudioCleared())
        expected = "voiceagent.speaker" if asked else "input_audio_buffer.cleared"
        assert (await socket.receive())["type"] == expected


async def test_a_caller_who_waits_is_told_that_the_call_lives_until_it_has_its_answer(sessions: Sessions) -> None:
    async with connect(app_of(sessions), query={"extensions": "true"}) as socket:
        await socket.receive()
        (session,) = sessions.opened
        session.owes = True
        async with asyncio.timeout(ANSWER_S):
            for _ in range(2):
                assert (await socket.receive())["type"] == "voiceagent.working"
        session.owes = False
        session.tell(told.AudioCleared())
        assert (await socket.receive())["type"] == "input_audio_buffer.cleared"


async def test_a_client_that_vanishes_ends_its_session(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        socket.send(append(bytes(100)))
        socket.leave()
        await socket.finished()
    assert sessions.opened[0].closed[0] == "client_gone"


async def test_a_client_that_never_reads_is_let_go(sessions: Sessions) -> None:
    app = app_of(sessions, limits=ConnectionLimits(write_s=0.05))
    async with connect(app) as socket:
        await socket.receive()
        socket.stop_reading()
        answer(sessions.opened[0])
        await eventually(lambda: bool(sessions.opened[0].closed))
        socket.read_again()
        assert await socket.closed() == 1013
    assert sessions.opened[0].closed[0] == "client_does_not_read"


async def test_a_session_that_is_over_closes_the_socket(sessions: Sessions) -> None:
    async with connect(app_of(sessions)) as socket:
        await socket.receive()
        sessions.opened[0].end()
        assert await socket.closed() == 1000


async def test_a_session_ends_at_its_longest_duration_with_a_code_on_which_clients_reconnect(
    sessions: Sessions,
) -> None:
    app = app_of(sessions, limits=ConnectionLimits(max_session_s=0.05))
    async with connect(app) as socket:
        await socket.receive()
        event = await socket.receive()
        assert event["error"]["code"] == "session_expired"
        assert await socket.closed() == 1001
    assert sessions.opened[0].closed[0] == "expired"
