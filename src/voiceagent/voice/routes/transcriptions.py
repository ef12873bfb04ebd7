"""POST /v1/audio/transcriptions and /v1/audio/translations: recordings to words, in OpenAI's shapes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, File, Form, UploadFile
from starlette.responses import JSONResponse, PlainTextResponse, Response

from voiceagent.domain.audio import SPEECH_RATE_HZ, pcm_seconds
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.kit.errors import Unsupported
from voiceagent.ports.speech import SpeechProviders
from voiceagent.voice import files
from voiceagent.voice.routes.captions import segment_object, segments_of, srt, vtt
from voiceagent.voice.routes.long_audio import Hints, Piece, text_of, transcribe
from voiceagent.voice.routes.names import check_model
from voiceagent.web.answers.sse import ServerEvent, event_stream
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require

MAX_UPLOAD_BYTES = 100 * 1024 * 1024
MAX_RECORDING_S = 3_600.0
_TIMED = ("srt", "vtt", "verbose_json")

Caller = Annotated[Principal, Depends(require("talk"))]


@dataclass(frozen=True, slots=True)
class TranscriptionForm:
    """The fields of the form that have an effect. temperature, include[] and chunking_strategy are accepted and have none."""

    model: Annotated[str, Form(max_length=128)] = ""
    language: Annotated[str | None, Form(max_length=16)] = None
    prompt: Annotated[str, Form(max_length=4_096)] = ""
    response_format: Annotated[Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"], Form()] = "json"
    stream: Annotated[bool, Form()] = False
    granularities: Annotated[
        list[Literal["word", "segment"]] | None, Form(alias="timestamp_granularities[]", max_length=2)
    ] = None


def transcription_routes(speech: SpeechProviders) -> Router:
    """The two routes."""
    router = Router()

    @router.post("/v1/audio/transcriptions", name="create_transcription", response_class=Response)
    @body_limit(MAX_UPLOAD_BYTES)
    async def create_transcription(
        file: Annotated[UploadFile, File()], form: Annotated[TranscriptionForm, Depends()], caller: Caller
    ) -> Response:
        stt = speech.hearing(Asker(caller.tenant_id, language=form.language or ""))
        check_model(form.model, stt.capabilities.model)
        if form.response_format == "diarized_json":
            message = "This installation cannot tell speakers apart."
            raise Unsupported("unsupported_response_format", message, param="response_format")
        pcm = await files.decode(await file.read(), max_s=MAX_RECORDING_S)
        hints = Hints(form.language, form.prompt, words=form.response_format in _TIMED)
        pieces = transcribe(stt, pcm, hints)
        if form.stream:
            return event_stream(_events(pieces))
        return _answer(form, [piece async for piece in pieces], pcm_seconds(pcm, SPEECH_RATE_HZ))

    @router.post("/v1/audio/translations", name="create_translation", response_class=Response)
    async def create_translation(_caller: Caller) -> Response:
        raise Unsupported("unsupported_task", "The recogniser of this installation cannot translate.")

    return router


def _answer(form: TranscriptionForm, pieces: list[Piece], seconds: float) -> Response:
    text = text_of(pieces)
    usage = {"type": "duration", "seconds": round(seconds, 3)}
    match form.response_format:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(srt(segments_of(pieces)), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(segments_of(pieces)), media_type="text/vtt")
        case "verbose_json":
            return JSONResponse({**_verbose(form, pieces, seconds), "text": text, "usage": usage})
        case _:
            return JSONResponse({"text": text, "usage": usage})


def _verbose(form: TranscriptionForm, pieces: list[Piece], seconds: float) -> dict[str, Any]:
    wanted = form.granularities or ["segment"]
    language = pieces[0].transcript.language if pieces else form.language
    answer: dict[str, Any] = {"task": "transcribe", "language": language, "duration": round(seconds, 3)}
    if "segment" in wanted:
        answer["segments"] = [segment_object(number, part) for number, part in enumerate(segments_of(pieces))]
    if "word" in wanted:
        answer["words"] = [
            {"word": word.text.strip(), "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            for piece in pieces
            for word in piece.words
        ]
    return answer


async def _events(pieces: AsyncIterator[Piece]) -> AsyncIterator[ServerEvent]:
    whole: list[str] = []
    async for piece in pieces:
        text = piece.transcript.text.strip()
        if text:
            delta = f" {text}" if whole else text
            whole.append(delta)
            yield ServerEvent(json.dumps({"type": "transcript.text.delta", "delta": delta}))
    yield ServerEvent(json.dumps({"type": "transcript.text.done", "text": "".join(whole)}))
