"""POST /v1/audio/speech: text to sound, while it is being made."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from voiceagent.domain.audio import WIRE_PCM
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.offload import Offload
from voiceagent.ports.speech import SpeechProviders
from voiceagent.ports.tts import TextToSpeech
from voiceagent.voice.codec import Encoder
from voiceagent.voice.routes.names import check_model, own_voice
from voiceagent.voice.routes.sound_stream import MEDIA_TYPES, SoundStream
from voiceagent.web.answers.sse import ServerEvent, event_stream
from voiceagent.web.app import Router
from voiceagent.web.auth import require


class VoiceName(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(max_length=128)]


class SpeechRequest(BaseModel):
    """What to say and how. instructions are accepted and have no effect: the local voices take none."""

    model_config = ConfigDict(extra="forbid")
    input: Annotated[str, Field(min_length=1, max_length=4096)]
    model: Annotated[str, Field(max_length=128)] = ""
    voice: Annotated[str, Field(max_length=128)] | VoiceName = ""
    instructions: Annotated[str, Field(max_length=4096)] = ""
    response_format: Annotated[str, Field(max_length=16)] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


def speech_routes(speech: SpeechProviders, encoding: Offload) -> Router:
    """encoding: the pool in which files are encoded."""
    router = Router()

    @router.post("/v1/audio/speech", name="create_speech", response_class=Response)
    async def create_speech(request: SpeechRequest, caller: Annotated[Principal, Depends(require("talk"))]) -> Response:
        tts = speech.voice(Asker(caller.tenant_id))
        check_model(request.model, tts.capabilities.model)
        stream = SoundStream(request.response_format)
        voice = request.voice if isinstance(request.voice, str) else request.voice.id
        sound = _encoded(spoken(tts, request.input, voice=voice, speed=request.speed), stream, encoding)
        first = await _first(sound)
        if request.stream_format == "sse":
            return event_stream(_events(first, sound))
        return StreamingResponse(_joined(first, sound), media_type=MEDIA_TYPES[request.response_format])

    return router


async def spoken(tts: TextToSpeech, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[bytes, None]:
    """The sound of `text`, s16le mono 24 kHz, in pieces. Raises what the port raises."""
    encoder: Encoder | None = None
    pieces: Any = tts.synthesize(text, voice=own_voice(voice, tts.capabilities.voices), speed=speed)
    async with aclosing(pieces):
        async for piece in pieces:
            encoder = encoder or Encoder(piece.rate_hz, WIRE_PCM)
            yield encoder.push(piece.pcm)
    if encoder is not None:
        yield encoder.flush()


async def _encoded(
    pieces: AsyncGenerator[bytes, None], stream: SoundStream, encoding: Offload
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        silent = True
        async for pcm in pieces:
            silent = silent and not pcm
            encoded = await encoding.run(stream.push, pcm)
            if encoded and not silent:
                yield encoded
    if silent:
        return
    rest = await encoding.run(stream.finish)
    if rest:
        yield rest


async def _first(sound: AsyncIterator[bytes]) -> bytes:
    """Wait for the first bytes, so that a failure is still an error answer and not a broken file."""
    first = await anext(sound, None)
    if first is None:
        raise InvalidInput("nothing_to_say", "There is nothing in this text that can be spoken.", param="input")
    return first


async def _joined(first: bytes, sound: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(sound):  # a caller who leaves stops the synthesis
        yield first
        async for piece in sound:
            yield piece


async def _events(first: bytes, sound: AsyncGenerator[bytes, None]) -> AsyncIterator[ServerEvent]:
    async for piece in _joined(first, sound):
        audio = base64.b64encode(piece).decode()
        yield ServerEvent(json.dumps({"type": "speech.audio.delta", "audio": audio}))
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}  # local speech is made without tokens
    yield ServerEvent(json.dumps({"type": "speech.audio.done", "usage": usage}))
