"""Speech to text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.audio import Transcript


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    """What an adapter can do: BCP-47 languages (empty = any), word times, longest audio in seconds.

    local: it runs on this machine, so that asking again about the same sound costs nobody money.
    """

    model: str
    languages: tuple[str, ...]
    words: bool
    max_s: float
    local: bool = False


class SpeechToText(Protocol):
    """Turns recorded speech into words."""

    @property
    def capabilities(self) -> SttCapabilities: ...

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        """The words in `pcm`: mono s16le at 16 kHz, of any length up to `capabilities.max_s`.

        Silence, noise and less than 0.1 s of audio give an empty text, never an invented one. Idempotent: same audio, same words.
        Safe to call concurrently; calls may queue. A cancelled call stops waiting within 50 ms and harms no other.
        Raises InvalidInput `bad_audio` for an odd number of bytes, TooLarge `audio_too_long` over max_s,
        Unsupported `unsupported_language`, Unavailable `stt_unavailable` (retryable) when the recogniser does not answer.
        """
        ...

    async def close(self) -> None:
        """Give back threads and memory. Idempotent; later calls raise Unavailable."""
        ...
