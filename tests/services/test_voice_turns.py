"""One spoken turn in one call: heard, stored, answered, spoken; refused, invalid and failing."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx2
import numpy as np
import pytest
import soundfile
from tests.support.voice_fakes import FakeEngine, FakeStt, FakeTts, Sessions, authenticate

from voiceagent.domain.conversation import Message
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.speech import SameForAll
from voiceagent.voice.server import VoiceServerParts, create_voice

PATH = "/api/v1/voice/turns"
TALK = {"authorization": "Bearer talker"}
RAW = {"content-type": "audio/wav"}


class Server:
    def __init__(self, **more: Any) -> None:
        self.stt = more.get("stt") or FakeStt()
        self.tts = more.get("tts") or FakeTts()
        self.engine = more.get("engine") or FakeEngine()
        parts = VoiceServerParts(Sessions().open, SameForAll(self.stt, self.tts), self.engine)
        app = create_voice(parts, auth=authenticate)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test", headers=TALK)


def recording(seconds: float = 2.0, level: float = 0.3, container: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, level * np.sin(np.arange(int(seconds * 16_000)) * 0.1), 16_000, format=container)
    return out.getvalue()


async def test_a_turn_is_heard_stored_and_answered() -> None:
    server = Server()
    states_at_reply: list[str] = []
    server.engine.on_reply = lambda: states_at_reply.extend(turn.state for turn in server.engine.recorded)
    answer = await server.client.post(PATH, content=recording(), headers=RAW)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["transcript"], body["answer"]) == ("word0 word1", "It is sunny.")
    assert body["conversation_id"] == "conv_1"
    assert body["audio"] is None and body["audio_error"] is None
    assert body["citations"][0]["page"] == 4
    assert body["usage"] == {"prompt_tokens": 30, "completion_tokens": 4}
    assert body["timings"]["answer_ms"] >= body["timings"]["first_token_ms"] >= body["timings"]["transcript_ms"] >= 0
    assert states_at_reply == ["asked"]
    stored = server.engine.recorded[-1]
    assert (stored.state, stored.asked, stored.heard) == ("answered", "word0 word1", "It is sunny.")
    assert stored.turn_id == body["turn_id"] == server.engine.recorded[0].turn_id
    assert stored.timings.audio_in_s == 2.0


async def test_a_turn_goes_on_with_its_conversation() -> None:
    server = Server()
    first = (await server.client.post(PATH, content=recording(1), headers=RAW)).json()
    await server.client.post(
        PATH, content=recording(2), headers=RAW, params={"conversation_id": first["conversation_id"]}
    )
    assert server.engine.requests[1].messages == (
        Message("user", "word0"),
        Message("assistant", "It is sunny."),
        Message("user", "word0 word1"),
    )


@pytest.mark.parametrize("field", ["audio", "file"])
async def test_a_form_with_a_file_is_taken_too(field: str) -> None:
    answer = await Server().client.post(PATH, files={field: ("q.flac", recording(container="FLAC"), "audio/flac")})
    assert answer.json()["transcript"] == "word0 word1"


@pytest.mark.parametrize("container", ["wav", "mp3", "flac", "opus"])
async def test_the_answer_is_spoken_with_the_agents_voice(container: str) -> None:
    server = Server()
    answer = await server.client.post(PATH, content=recording(), headers=RAW, params={"audio": container})
    audio = answer.json()["audio"]
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(audio["data"])))
    assert len(samples) / rate_hz == pytest.approx(0.3, abs=0.08)
    assert server.tts.calls == [("It is sunny.", "bob", 1.0)]


async def test_the_sound_alone_when_that_is_accepted() -> None:
    answer = await Server().client.post(PATH, content=recording(), headers={**RAW, "accept": "audio/wav"})
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["x-conversation-id"] == "conv_1"
    assert answer.headers["x-turn-id"].startswith("turn_")
    assert soundfile.info(io.BytesIO(answer.content)).samplerate == 24_000


async def test_an_answer_that_cannot_be_spoken_is_still_given() -> None:
    server = Server(tts=FakeTts(fails_with=Unavailable("tts_unavailable", "no voice")))
    answer = await server.client.post(PATH, content=recording(), headers=RAW, params={"audio": "wav"})
    body = answer.json()
    assert (body["answer"], body["audio"], body["audio_error"]) == ("It is sunny.", None, "tts_unavailable")
    sound_only = await server.client.post(PATH, content=recording(), headers={**RAW, "accept": "audio/wav"})
    assert (sound_only.status_code, sound_only.json()["code"]) == (503, "tts_unavailable")


async def test_a_failed_answer_keeps_the_question() -> None:
    server = Server(engine=FakeEngine(fails_with=Unavailable("llm_unavailable", "no model")))
    answer = await server.client.post(PATH, content=recording(), headers=RAW)
    assert (answer.status_code, answer.json()["code"]) == (503, "llm_unavailable")
    stored = server.engine.recorded[-1]
    assert (stored.state, stored.asked, stored.error_code) == ("failed", "word0 word1", "llm_unavailable")


@pytest.mark.parametrize(
    ("content", "headers", "params", "status", "code"),
    [
        (b"", RAW, {}, 400, "audio_empty"),
        (b"only text", RAW, {}, 400, "bad_audio"),
        (b"{}", {"content-type": "application/json"}, {}, 415, "unsupported_media_type"),
        (recording(level=0), RAW, {}, 400, "no_speech"),
        (recording(), RAW, {"conversation_id": "conv_of_somebody_else"}, 404, "conversation_not_found"),
        (recording(), RAW, {"audio": "aac"}, 422, "invalid_request"),
        (recording(121, level=0, container="FLAC"), RAW, {}, 413, "audio_too_long"),
    ],
)
async def test_what_is_not_a_question_is_refused_and_stores_nothing(
    content: bytes, headers: dict[str, str], params: dict[str, str], status: int, code: str
) -> None:
    server = Server()
    answer = await server.client.post(PATH, content=content, headers=headers, params=params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert server.engine.recorded == []


async def test_a_form_without_a_file_is_refused() -> None:
    answer = await Server().client.post(PATH, data={"audio": "text"}, files={"other": ("x", b"x")})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_required_parameter")


@pytest.mark.parametrize(("authorization", "status"), [(None, 401), ("Bearer forged", 401), ("Bearer watcher", 403)])
async def test_nobody_asks_without_the_scope(authorization: str | None, status: int) -> None:
    server = Server()
    del server.client.headers["authorization"]
    headers = RAW | ({"authorization": authorization} if authorization else {})
    answer = await server.client.post(PATH, content=recording(), headers=headers)
    assert answer.status_code == status
    assert server.engine.recorded == []
