"""Voice activity."""

from __future__ import annotations

from typing import Protocol


class VoiceActivityStream(Protocol):
    """The detector's memory of one stream of audio. Not shared between streams, not thread-safe."""

    def probability(self, window: bytes) -> float:
        """How likely `window` (512 samples, s16le mono 16 kHz: 1,024 bytes) holds speech, 0 to 1. Takes about 0.5 ms, so it runs inline.

        Raises InvalidInput `bad_audio` for any other size.
        """
        ...

    def reset(self) -> None:
        """Forget what was heard before."""
        ...


class VoiceActivity(Protocol):
    """Opens detectors."""

    def open(self) -> VoiceActivityStream:
        """A fresh detector. Cheap enough for one per call and session."""
        ...
