"""Text to speech."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.audio import Speech


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    """The model's name, its rate in Hz, the names of its voices (first is the default), its BCP-47 languages.

    others: it may have voices besides those, as a server elsewhere whose list nobody has.
    """

    model: str
    rate_hz: int
    voices: tuple[str, ...]
    languages: tuple[str, ...]
    others: bool = False


class TextToSpeech(Protocol):
    """Turns words into sound."""

    @property
    def capabilities(self) -> TtsCapabilities: ...

    def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        """The sound of `text` in pieces, in order, each as soon as it is ready; `Speech.text` of all pieces joined says `text`.

        speed: 0.25 to 4, 1 is natural. Text without anything to say (blank, punctuation) yields nothing.
        Closing or cancelling the iterator stops the work within one piece.
        Raises InvalidInput `unknown_voice` or `bad_speed`, Unavailable `tts_unavailable` (retryable).
        """
        ...

    async def close(self) -> None:
        """Give back threads and memory. Idempotent; later calls raise Unavailable."""
        ...
