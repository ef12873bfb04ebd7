"""Text to speech by any server that speaks OpenAI's /audio/speech: raw PCM as it arrives, every wait bounded, errors translated."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.adapters.tts.requests import check_speed, closed
from voiceagent.adapters.tts.spoken_text import spoken
from voiceagent.domain.audio import SAMPLE_BYTES, Speech
from voiceagent.kit.calls.outbound import Outbound, guarded
from voiceagent.kit.errors import InvalidInput, Misconfigured, RateLimited, Unavailable
from voiceagent.ports.tts import TtsCapabilities

CONNECT_S = 2.0
SILENCE_S = 10.0
"""Longest wait for the first and for each further piece."""
TOTAL_S = 300.0
LONGEST_S = 600.0
"""Longest sound accepted for one text; a server that never ends is cut off."""
PIECE_S = 0.2
_CHARS_PER_S = 15.0
"""Pace of natural speech (measured on hibari and Piper: 14 to 16), to guess which words a piece says."""


@dataclass(frozen=True, slots=True)
class SpeechServer:
    """Where and what to ask: endpoint, model, voices (first is the default), rate of its PCM in Hz."""

    endpoint: str
    model: str
    voices: tuple[str, ...]
    rate_hz: int = 24_000


class OpenAiTts:
    """One connection pool to one server. Voices beyond the listed ones are passed on: the server knows its own."""

    def __init__(self, server: SpeechServer, api_key: str = "", outbound: Outbound | None = None) -> None:
        self._outbound = outbound
        self._server = server
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._capabilities = TtsCapabilities(server.model, server.rate_hz, server.voices, (), others=True)
        self._http: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def capabilities(self) -> TtsCapabilities:
        return self._capabilities

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        check_speed(speed)
        if self._closed:
            raise closed()
        if not spoken(text):
            return
        body = {
            "model": self._server.model,
            "voice": voice or self._server.voices[0],
            "input": text,
            "response_format": "pcm",
            "speed": speed,
        }
        try:
            async with self._session().post(self._server.endpoint, json=body, allow_redirects=False) as response:
                await _raise_for(response, voice)
                async for piece in self._pieces(response, text, speed):
                    yield piece
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("tts_unavailable", "the speech server does not answer") from error

    async def close(self) -> None:
        self._closed = True
        if self._http is not None:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            wait = aiohttp.ClientTimeout(total=TOTAL_S, connect=CONNECT_S, sock_read=SILENCE_S)
            connector = guarded(self._outbound)
            self._http = aiohttp.ClientSession(headers=self._headers, timeout=wait, connector=connector)
        return self._http

    async def _pieces(self, response: aiohttp.ClientResponse, text: str, speed: float) -> AsyncIterator[Speech]:
        """Pieces of 0.2 s and more, cut between samples; each says the words that its sound should have reached."""
        rate_hz, words = self._server.rate_hz, _Words(text, speed)
        piece_bytes, longest_bytes = (int(s * rate_hz) * SAMPLE_BYTES for s in (PIECE_S, LONGEST_S))
        waiting, sent_bytes = b"", 0
        async for chunk in response.content.iter_any():
            waiting += chunk
            if sent_bytes == 0 and waiting[:4] in (b"RIFF", b"ID3\x03", b"ID3\x04", b"fLaC", b"OggS"):
                raise Unavailable("tts_unavailable", "the speech server sends files, not raw PCM")
            whole = (len(waiting) - 1) // SAMPLE_BYTES * SAMPLE_BYTES  # the last sample stays for the last piece
            if whole < piece_bytes:
                continue
            sent_bytes += whole
            if sent_bytes > longest_bytes:
                raise Unavailable("tts_unavailable", "the speech server does not stop")
            yield Speech(waiting[:whole], rate_hz, words.until(sent_bytes / (SAMPLE_BYTES * rate_hz)))
            waiting = waiting[whole:]
        whole = len(waiting) - len(waiting) % SAMPLE_BYTES
        if whole == 0:
            raise Unavailable("tts_unavailable", "the speech server sent no sound")
        yield Speech(waiting[:whole], rate_hz, words.rest())


class _Words:
    """Hands out a text word by word at the pace of speech, since the server does not say what it has said."""

    def __init__(self, text: str, speed: float) -> None:
        self._text = text
        self._chars_per_s = _CHARS_PER_S * speed
        self._told = 0

    def until(self, seconds: float) -> str:
        reached = self._text.rfind(" ", self._told, int(seconds * self._chars_per_s) + 1) + 1
        return self._tell(max(reached, self._told))

    def rest(self) -> str:
        return self._tell(len(self._text))

    def _tell(self, end: int) -> str:
        told, self._told = self._text[self._told : end], end
        return told


async def _raise_for(response: aiohttp.ClientResponse, voice: str) -> None:
    if response.status == 200 and response.content_type not in ("application/json", "text/html"):
        return
    if response.status in (401, 403):
        raise Misconfigured("tts_credentials", "the speech server refuses the credentials")
    if response.status == 429:
        raise RateLimited("tts_rate_limited", "the speech server is busy", retry_after_s=_retry_after_s(response))
    if response.status in (400, 404, 422) and voice and "voice" in await _start_of(response):
        raise InvalidInput("unknown_voice", "the speech server does not have this voice", param="voice")
    raise Unavailable("tts_unavailable", f"the speech server answered {response.status} {response.content_type}")


async def _start_of(response: aiohttp.ClientResponse) -> str:
    return (await response.content.read(4096)).decode(errors="replace").lower()


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() and len(value) < 6 else None


def open_tts(url: str, *, api_key: str | None = None, outbound: Outbound | None = None) -> OpenAiTts:
    """The voice for `openai+http(s)://host/v1?model=NAME&voice=NAME[,NAME][&rate_hz=24000][&key_env=NAME]`.

    api_key: None reads the environment variable that key_env names (OPENAI_API_KEY).  outbound: where calls may go.
    Raises Misconfigured `bad_url`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    voices = tuple(name for name in options.get("voice", "").split(",") if name)
    rate = options.get("rate_hz", "24000")
    if not options.get("model") or not voices or not rate.isdecimal() or not 8_000 <= int(rate) <= 48_000:
        raise Misconfigured(
            "bad_url", "the speech URL needs ?model=NAME&voice=NAME; rate_hz lies between 8000 and 48000"
        )
    endpoint = f"{parts.scheme.removeprefix('openai+')}://{parts.netloc}{parts.path.rstrip('/')}/audio/speech"
    key = api_key if api_key is not None else os.environ.get(options.get("key_env", "OPENAI_API_KEY"), "")
    return OpenAiTts(SpeechServer(endpoint, options["model"], voices, int(rate)), key, outbound)
