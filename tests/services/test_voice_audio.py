"""The audio routes in OpenAI's shapes over ASGI: speech and transcriptions, each happy, refused and invalid."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import numpy as np
import pytest
import soundfile
from openai import AsyncOpenAI, NotFoundError
from openai.types.audio import TranscriptionVerbose
from tests.support.voice_fakes import FakeEngine, FakeStt, FakeTts, Sessions, authenticate

from voiceagent.kit.errors import Unavailable
from voiceagent.ports.speech import SameForAll
from voiceagent.voice.server import VoiceServerParts, create_voice

TALK = {"authorization": "Bearer talker"}


class Server:
    """The app with its parts and a client."""

    def __init__(self, **more: Any) -> None:
        self.stt, self.tts = more.get("stt") or FakeStt(), more.get("tts") or FakeTts()
        parts = VoiceServerParts(Sessions().open, SameForAll(self.stt, self.tts), FakeEngine())
        app = create_voice(parts, auth=authenticate)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://test", headers=TALK, timeout=30
        )
        self.sdk = AsyncOpenAI(api_key="talker", base_url="http://test/v1", http_client=self.client, max_retries=0)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    await server.client.aclose()


def wav(seconds: float, *, rate_hz: int = 16_000, level: float = 0.3) -> bytes:
    tone = level * np.sin(np.arange(int(seconds * rate_hz)) * 0.1)
    out = io.BytesIO()
    soundfile.write(out, tone, rate_hz, format="WAV", subtype="PCM_16")
    return out.getvalue()


# --- speech -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["mp3", "opus", "flac", "wav", "pcm"])
async def test_speech_comes_as_a_file_that_players_read(server: Server, container: str) -> None:
    answer = await server.client.post(
        "/v1/audio/speech",
        json={"model": "tts-1", "voice": "alloy", "input": "one two three four five", "response_format": container},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("audio/")
    raw: dict[str, Any] = {"samplerate": 24_000, "channels": 1, "format": "RAW", "subtype": "PCM_16"}
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content), **(raw if container == "pcm" else {}))
    assert rate_hz in (24_000, 48_000)
    assert len(samples) / rate_hz == pytest.approx(0.5, abs=0.1 if container == "mp3" else 0.03)
    assert np.abs(samples).max() > 0.1
    assert server.tts.calls == [("one two three four five", "", 1.0)]


async def test_speech_streams_through_the_sdk(server: Server) -> None:
    async with server.sdk.audio.speech.with_streaming_response.create(
        model="tts-1", voice="bob", input="hello there", response_format="pcm", speed=1.5
    ) as answer:
        pcm = b"".join([piece async for piece in answer.iter_bytes()])
    assert len(pcm) == pytest.approx(2 * 4_800, abs=200)
    assert server.tts.calls == [("hello there", "bob", 1.5)]


async def test_speech_as_server_sent_events(server: Server) -> None:
    body = {"input": "hello there", "response_format": "wav", "stream_format": "sse"}
    answer = await server.client.post("/v1/audio/speech", json=body)
    events = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    assert [event["type"] for event in events][-1] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] == 0
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sound.startswith(b"RIFF")
    assert len(events) > 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"input": ""}, 400, "invalid_request"),
        ({"input": "x" * 4097}, 400, "invalid_request"),
        ({"input": "x", "speed": 5}, 400, "invalid_request"),
        ({"input": "x", "colour": "red"}, 400, "invalid_request"),
        ({"input": "x", "response_format": "aac"}, 415, "unsupported_response_format"),
        ({"input": "x", "voice": "nobody"}, 400, "unknown_voice"),
        ({"input": "x", "model": "nothing"}, 404, "model_not_found"),
        ({"input": "?!"}, 400, "nothing_to_say"),
    ],
)
async def test_speech_that_cannot_be_made_is_an_error_and_not_a_broken_file(
    server: Server, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await server.client.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_speech_without_a_voice_server_says_when_to_come_back() -> None:
    server = Server(tts=FakeTts(fails_with=Unavailable("tts_unavailable", "no voice", retry_after_s=3)))
    answer = await server.client.post("/v1/audio/speech", json={"input": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


async def test_a_caller_who_leaves_stops_the_synthesis(server: Server) -> None:
    async with server.client.stream(
        "POST", "/v1/audio/speech", json={"input": "word " * 400, "response_format": "pcm"}
    ):
        pass
    assert server.tts.stopped == 1


# --- transcriptions ---------------------------------------------------------------------------------------------------


async def test_a_transcription_through_the_sdk(server: Server) -> None:
    answer = await server.sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", wav(3)), language="en", prompt="words"
    )
    assert answer.text == "word0 word1 word2"
    assert answer.usage is not None and answer.usage.type == "duration"
    assert server.stt.calls == [(3.0, "en", "words")]


async def test_a_verbose_transcription_has_segments_and_words(server: Server) -> None:
    answer = await server.sdk.audio.transcriptions.create(
        model="fake-stt",
        file=("a.wav", wav(3)),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert isinstance(answer, TranscriptionVerbose)
    assert answer.duration == 3.0
    assert answer.words is not None and [word.word for word in answer.words] == ["word0", "word1", "word2"]
    assert answer.segments is not None and answer.segments[0].text == "word0 word1 word2"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("text", "word0 word1\n"),
        ("srt", "1\n00:00:00,100 --> 00:00:01,900\nword0 word1\n"),
        ("vtt", "WEBVTT\n\n00:00:00.100 --> 00:00:01.900\nword0 word1\n"),
    ],
)
async def test_transcriptions_as_text(server: Server, shape: str, expected: str) -> None:
    answer = await server.client.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", wav(2))}, data={"response_format": shape}
    )
    assert (answer.status_code, answer.text) == (200, expected)


async def test_a_long_recording_is_recognised_in_pieces_with_times_of_the_whole() -> None:
    server = Server(stt=FakeStt(max_s=10))
    answer = await server.client.post(
        "/v1/audio/transcriptions",
        files={"file": ("a.wav", wav(35))},
        data={"response_format": "verbose_json", "timestamp_granularities[]": "word"},
    )
    words = answer.json()["words"]
    seconds = [call[0] for call in server.stt.calls]
    assert len(seconds) >= 4 and sum(seconds) == pytest.approx(35.0)
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert words[-1]["end"] > 30


async def test_a_transcription_streams_piece_by_piece() -> None:
    server = Server(stt=FakeStt(max_s=10))
    stream = await server.sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(25)), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events][-1] == "transcript.text.done"
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) >= 3
    assert "".join(deltas) == events[-1].text


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        (None, {"model": "whisper-1"}, 400, "invalid_request"),
        ({"file": ("a.wav", b"")}, {}, 400, "audio_empty"),
        ({"file": ("a.wav", b"this is text, not sound")}, {}, 400, "bad_audio"),
        ({"file": ("a.wav", wav(1))}, {"response_format": "diarized_json"}, 415, "unsupported_response_format"),
        ({"file": ("a.wav", wav(1))}, {"response_format": "poem"}, 400, "invalid_request"),
        ({"file": ("a.wav", wav(1))}, {"model": "nothing"}, 404, "model_not_found"),
    ],
)
async def test_what_cannot_be_transcribed_is_refused(
    server: Server, files: Any, data: dict[str, str], status: int, code: str
) -> None:
    answer = await server.client.post("/v1/audio/transcriptions", files=files, data=data)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_silence_is_an_empty_transcription(server: Server) -> None:
    answer = await server.client.post("/v1/audio/transcriptions", files={"file": ("a.wav", wav(2, level=0))})
    assert (answer.status_code, answer.json()["text"]) == (200, "")


async def test_translations_say_that_they_are_not_there(server: Server) -> None:
    answer = await server.client.post("/v1/audio/translations", files={"file": ("a.wav", wav(1))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_task")


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"])
@pytest.mark.parametrize(("authorization", "status"), [("", 401), ("Bearer forged", 401), ("Bearer watcher", 403)])
async def test_no_audio_route_answers_without_the_scope(
    server: Server, path: str, authorization: str, status: int
) -> None:
    headers = {"authorization": authorization}
    if not authorization:
        del server.client.headers["authorization"]
        headers = {}
    answer = await server.client.post(path, json={"input": "x"}, headers=headers)
    assert answer.status_code == status


async def test_the_sdk_sees_our_errors_as_its_own(server: Server) -> None:
    with pytest.raises(NotFoundError):
        await server.sdk.audio.speech.create(model="nothing", voice="ann", input="x")
