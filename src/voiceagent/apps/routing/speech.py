"""What hears and what speaks in this process, for each caller: ports.speech over the providers of both kinds."""

from __future__ import annotations

from dataclasses import dataclass

from voiceagent.adapters.providers.stt import RoutedStt
from voiceagent.adapters.providers.tts import RoutedTts
from voiceagent.domain.provider import Asker
from voiceagent.ports.stt import SpeechToText
from voiceagent.ports.tts import TextToSpeech


@dataclass(frozen=True, slots=True)
class RoutedSpeech:
    """Implements ports.speech.SpeechProviders."""

    stt: RoutedStt
    tts: RoutedTts

    def hearing(self, asker: Asker) -> SpeechToText:
        """As SpeechProviders.hearing."""
        return self.stt.of(asker)

    def voice(self, asker: Asker) -> TextToSpeech:
        """As SpeechProviders.voice."""
        return self.tts.of(asker)
