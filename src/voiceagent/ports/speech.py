"""Speech by whom it is for: which recogniser hears, and which voice speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.provider import Asker
from voiceagent.ports.stt import SpeechToText
from voiceagent.ports.tts import TextToSpeech


class SpeechProviders(Protocol):
    """What hears and speaks for each caller. What it returns is never closed by who uses it."""

    def hearing(self, asker: Asker) -> SpeechToText:
        """Recognises for `asker`: its sound goes to no provider that does not serve it."""
        ...

    def voice(self, asker: Asker) -> TextToSpeech:
        """Speaks one answer to `asker`, with one voice from the first word to the last while that speaks."""
        ...


@dataclass(frozen=True, slots=True)
class SameForAll:
    """Implements SpeechProviders with one recogniser and one voice for everybody."""

    stt: SpeechToText
    tts: TextToSpeech

    def hearing(self, asker: Asker) -> SpeechToText:
        """As SpeechProviders.hearing."""
        return self.stt

    def voice(self, asker: Asker) -> TextToSpeech:
        """As SpeechProviders.voice."""
        return self.tts
