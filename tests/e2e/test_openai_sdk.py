"""A developer points the openai SDK, unmodified, at the platform: spoken turns, written turns, speech, transcriptions, chat."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from openai import AsyncOpenAI, AuthenticationError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from tests.conftest import ROOT
from tests.e2e.conftest import Platform

QUESTION = ROOT / "demo" / "question.flac"
FRAME_BYTES = 960  # 20 ms at 24 kHz
AUDIBLE = 300

pytestmark = pytest.mark.timeout(600)


def question_pcm() -> bytes:
    samples, rate_hz = soundfile.read(QUESTION, dtype="float32")
    sound = soxr.resample(samples, rate_hz, 24_000)
    return (sound * 32_767).astype("<i2").tobytes()


@pytest.fixture
async def sdk(platform: Platform) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key=platform.api_key,
        base_url=f"{platform.base_url}/v1",
        websocket_base_url=f"{platform.base_url.replace('http', 'ws', 1)}/v1",
        max_retries=0,
    ) as client:
        yield client


class Microphone:
    """Sends sound in real time, as a microphone does: what was given to `say`, silence otherwise."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self._connection = connection
        self._pending = b""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Microphone:
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def say(self, pcm: bytes) -> None:
        self._pending += pcm

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            frame, self._pending = self._pending[:FRAME_BYTES], self._pending[FRAME_BYTES:]
            sound = frame.ljust(FRAME_BYTES, b"\0")
            await self._connection.input_audio_buffer.append(audio=base64.b64encode(sound).decode())
            due_s += 0.02
            await asyncio.sleep(max(0.0, due_s - loop.time()))


async def until(connection: AsyncRealtimeConnection, kind: str, seen: list[Any] | None = None) -> Any:
    """The next event of this type; those before it go into `seen`. An error event fails the test."""
    async with asyncio.timeout(120):
        while True:
            event = await connection.recv()
            assert event.type != "error", event
            if seen is not None:
                seen.append(event)
            if event.type == kind:
                return event


def sound_of(events: list[Any]) -> np.ndarray:
    pcm = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    return np.frombuffer(pcm, "<i2")


async def test_a_question_is_asked_and_answered_aloud(sdk: AsyncOpenAI) -> None:
    seen: list[Any] = []
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        created = await connection.recv()
        assert created.type == "session.created"
        await connection.session.update(session={"type": "realtime", "instructions": "Answer in one short sentence."})
        assert (await connection.recv()).type == "session.updated"
        async with Microphone(connection) as microphone:
            microphone.say(question_pcm())
            done = await until(connection, "response.done", seen)
    kinds = [event.type for event in seen]
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
        "response.done",
    ]
    places = [kinds.index(kind) for kind in order]
    assert places == sorted(places)
    heard = next(event for event in seen if event.type == "conversation.item.input_audio_transcription.completed")
    assert "swim" in heard.transcript.lower()
    assert done.response.status == "completed"
    assert done.response.output[0].content[0].transcript.strip()
    assert np.abs(sound_of(seen)).max() > AUDIBLE
    timings = done.response.to_dict()["voiceagent"]["timings"]
    assert 0 < timings["committed_ms"] <= timings["first_audio_ms"]


async def test_turns_by_hand(sdk: AsyncOpenAI) -> None:
    seen: list[Any] = []
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        manual: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await connection.session.update(session=manual)
        await until(connection, "session.updated")
        sound = question_pcm()
        for start in range(0, len(sound), FRAME_BYTES):
            piece = sound[start : start + FRAME_BYTES]
            await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        await connection.input_audio_buffer.commit()
        await until(connection, "input_audio_buffer.committed", seen)
        await connection.response.create(response={"metadata": {"client_event_id": "abc"}})
        done = await until(connection, "response.done", seen)
    assert "input_audio_buffer.speech_started" not in [event.type for event in seen]
    assert done.response.metadata == {"client_event_id": "abc"}
    assert done.response.status == "completed"
    assert np.abs(sound_of(seen)).max() > AUDIBLE


async def test_a_written_question_has_a_written_answer(sdk: AsyncOpenAI) -> None:
    seen: list[Any] = []
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        await connection.conversation.item.create(
            item={
                "id": "my_question",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Say hello."}],
            }
        )
        added = await until(connection, "conversation.item.added")
        assert added.item.id == "my_question"
        await connection.response.create(response={"output_modalities": ["text"]})
        done = await until(connection, "response.done", seen)
    text = "".join(event.delta for event in seen if event.type == "response.output_text.delta")
    assert text.strip()
    assert done.response.output[0].content[0].text == text.strip()
    assert len(sound_of(seen)) == 0
    assert done.response.usage.output_tokens > 0


async def test_talking_over_the_answer_stops_it_and_keeps_what_was_heard(sdk: AsyncOpenAI) -> None:
    seen: list[Any] = []
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        long_answer = "Count slowly from one to thirty, with a comma between the numbers."
        await connection.session.update(session={"type": "realtime", "instructions": long_answer})
        async with Microphone(connection) as microphone:
            microphone.say(question_pcm())
            await until(connection, "response.output_audio.delta")
            microphone.say(question_pcm())
            done = await until(connection, "response.done", seen)
            if done.response.status == "completed":
                pytest.skip("the answer was over before the caller spoke")
            assert done.response.status == "cancelled"
            assert done.response.status_details.reason == "turn_detected"
            # On a busy machine the words are whole before they stop the answer.
            told = "conversation.item.input_audio_transcription.completed"
            item = next((event for event in seen if event.type == told), None) or await until(connection, told)
            assert item.transcript


async def test_a_wrong_key_is_refused_at_the_handshake(sdk: AsyncOpenAI) -> None:
    stranger = sdk.copy(api_key="va_wrong")
    with pytest.raises(Exception, match="401"):
        async with stranger.realtime.connect(model="gpt-realtime", max_retries=0):
            pass
    with pytest.raises(AuthenticationError):
        await stranger.models.list()


@pytest.mark.parametrize("container", ["wav", "mp3", "flac"])
async def test_what_is_spoken_is_understood_again(sdk: AsyncOpenAI, container: Any) -> None:
    said = "The weather is sunny in the morning."
    speech = await sdk.audio.speech.create(model="tts-1", voice="alloy", input=said, response_format=container)
    heard = await sdk.audio.transcriptions.create(model="whisper-1", file=(f"said.{container}", speech.content))
    assert {"weather", "sunny", "morning"} <= set(heard.text.lower().replace(".", "").split())


async def test_a_chat_completion_streams(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": "Say hello."}],
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=16,
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).strip()
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0


async def test_models_are_listed(sdk: AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()]
