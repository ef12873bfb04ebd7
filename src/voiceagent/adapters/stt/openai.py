"""Speech to text by any server that speaks OpenAI's /audio/transcriptions: one WAV a call, every wait bounded, errors translated."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import numpy as np

from voiceagent.adapters.stt.audio import MIN_S, checked
from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, Transcript, Word
from voiceagent.kit.calls.outbound import Outbound, guarded
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, RateLimited, TooLarge, Unavailable
from voiceagent.ports.stt import SttCapabilities

CONNECT_S = 2.0
FIRST_S, SHARE_OF_AUDIO = 15.0, 0.5
"""Longest wait for an answer: 15 s and half the length of the sound."""
MAX_S = 600.0
MAX_ANSWER_BYTES = 4 << 20
_INAUDIBLE_PEAK = 18
"""Nothing louder than -65 dB below full scale: not worth a call, and services invent words for it."""


@dataclass(frozen=True, slots=True)
class SttServer:
    """Where and what to ask. verbose: it knows `verbose_json`, which carries probabilities and the times of words."""

    endpoint: str
    model: str
    verbose: bool = True
    max_s: float = MAX_S


def open_stt(url: str, *, api_key: str | None = None, outbound: Outbound | None = None) -> OpenAiStt:
    """The recogniser for `openai+http(s)://host/v1?model=NAME[&verbose=0][&max_s=600][&key_env=NAME]`.

    key_env: the environment variable with the key, OPENAI_API_KEY without it; read when api_key is None.  outbound: where calls may go.
    Raises Misconfigured `bad_stt_url`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    model, max_s = options.get("model", ""), options.get("max_s", str(MAX_S))
    if not model or not parts.netloc or not max_s.replace(".", "", 1).isdigit():
        raise Misconfigured("bad_stt_url", "the speech server's URL is openai+https://host/v1?model=NAME")
    endpoint = f"{parts.scheme.removeprefix('openai+')}://{parts.netloc}{parts.path.rstrip('/')}/audio/transcriptions"
    server = SttServer(endpoint, model, options.get("verbose", "1") != "0", float(max_s))
    key = os.environ.get(options.get("key_env", "OPENAI_API_KEY"), "") if api_key is None else api_key
    return OpenAiStt(server, key, outbound)


class OpenAiStt:
    """One connection pool to one server."""

    def __init__(self, server: SttServer, api_key: str = "", outbound: Outbound | None = None) -> None:
        self._outbound = outbound
        self._server = server
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._capabilities = SttCapabilities(server.model, (), words=server.verbose, max_s=server.max_s)
        self._http: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def capabilities(self) -> SttCapabilities:
        return self._capabilities

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        duration_s = checked(pcm, self._server.max_s)
        if self._closed:
            raise Unavailable("stt_unavailable", "the recogniser is closed")
        code = language.split("-")[0].lower() if language else ""
        if duration_s < MIN_S or _is_inaudible(pcm):
            return Transcript("", code or "en", confidence=0.0, no_speech=1.0, duration_s=duration_s)
        answer = await self._ask(self._form(pcm, code, prompt, words), FIRST_S + SHARE_OF_AUDIO * duration_s)
        try:
            return _transcript(answer, code, duration_s)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable("stt_unavailable", "the speech server sent something else") from error

    async def close(self) -> None:
        self._closed = True
        if self._http is not None:
            await self._http.close()

    def _form(self, pcm: bytes, language: str, prompt: str, words: bool) -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("file", wav(pcm), filename="speech.wav", content_type="audio/wav")
        form.add_field("model", self._server.model)
        form.add_field("response_format", "verbose_json" if self._server.verbose else "json")
        if language:
            form.add_field("language", language)
        if prompt:
            form.add_field("prompt", prompt)
        if words and self._server.verbose:
            form.add_field("timestamp_granularities[]", "word")
        return form

    async def _ask(self, form: aiohttp.FormData, within_s: float) -> dict[str, Any]:
        if self._http is None:
            self._http = aiohttp.ClientSession(headers=self._headers, connector=guarded(self._outbound))
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S)
        try:
            async with self._http.post(
                self._server.endpoint, data=form, timeout=timeout, allow_redirects=False
            ) as reply:
                if reply.status != 200:
                    raise _refused(reply)
                if (reply.content_length or 0) > MAX_ANSWER_BYTES:
                    raise Unavailable("stt_unavailable", "the speech server's answer is too long")
                answer = await reply.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError, RuntimeError) as error:
            raise Unavailable("stt_unavailable", "the speech server does not answer") from error
        if not isinstance(answer, dict):
            raise Unavailable("stt_unavailable", "the speech server sent something else")
        return answer


def wav(pcm: bytes) -> bytes:
    """Mono s16le 16 kHz `pcm` as a WAV file."""
    rate, size = SPEECH_RATE_HZ, len(pcm)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size) + pcm


def _is_inaudible(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, dtype="<i2")
    return max(int(samples.max()), -int(samples.min())) < _INAUDIBLE_PEAK


def _transcript(answer: dict[str, Any], language: str, duration_s: float) -> Transcript:
    segments = answer.get("segments") or []
    scores = [float(segment["avg_logprob"]) for segment in segments if segment.get("avg_logprob") is not None]
    silences = [float(segment["no_speech_prob"]) for segment in segments if segment.get("no_speech_prob") is not None]
    return Transcript(
        text=str(answer["text"]).strip(),
        language=language or _code(str(answer.get("language") or "en")),
        confidence=math.exp(min(0.0, sum(scores) / len(scores))) if scores else 1.0,
        no_speech=min(silences, default=0.0),
        duration_s=duration_s,
        words=tuple(
            Word(str(w["word"]).strip(), float(w["start"]), float(w["end"])) for w in answer.get("words") or []
        ),
    )


def _code(language: str) -> str:
    """OpenAI names some languages in English ("english"), other servers send the code."""
    return {"english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it"}.get(
        language.lower(), language.lower()
    )


def _refused(reply: aiohttp.ClientResponse) -> Problem:
    if reply.status in (401, 403):
        return Misconfigured("stt_credentials", "the speech server refuses the credentials")
    if reply.status == 413:
        return TooLarge("audio_too_long", "the speech server takes no sound of this length", param="audio")
    if reply.status == 429:
        after = reply.headers.get("Retry-After", "")
        wait_s = float(after) if after.replace(".", "", 1).isdigit() else None
        return RateLimited("stt_rate_limited", "the speech server asks to wait", retry_after_s=wait_s)
    if 400 <= reply.status < 500 and reply.status not in (404, 408, 409, 425):
        return InvalidInput("stt_rejected", f"the speech server answered {reply.status}", param="audio")
    return Unavailable("stt_unavailable", f"the speech server answered {reply.status}")
