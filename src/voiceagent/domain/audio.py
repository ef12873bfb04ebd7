"""How sound is described. Inside the platform sound is bytes: 16-bit signed little-endian, mono, at a rate that stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SPEECH_RATE_HZ = 16_000
"""Rate of everything that listens: voice activity, end of turn, speech to text."""

WIRE_RATE_HZ = 24_000
"""Rate of audio/pcm on the realtime protocol (openai-protocol: 24 kHz only)."""

SAMPLE_BYTES = 2
FRAME_MS = 20
VAD_WINDOW_SAMPLES = 512
"""One decision of the voice activity detector: 32 ms at 16 kHz."""

Encoding = Literal["pcm_s16le", "pcmu", "pcma"]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A stream's encoding, its rate in samples a second, and its channels (interleaved)."""

    encoding: Encoding
    rate_hz: int
    channels: int = 1

    @property
    def bytes_per_second(self) -> int:
        return self.rate_hz * self.channels * (SAMPLE_BYTES if self.encoding == "pcm_s16le" else 1)

    def seconds(self, size_bytes: int) -> float:
        """How long `size_bytes` of this format last."""
        return size_bytes / self.bytes_per_second


SPEECH_PCM = AudioFormat("pcm_s16le", SPEECH_RATE_HZ)
WIRE_PCM = AudioFormat("pcm_s16le", WIRE_RATE_HZ)
WIRE_PCMU = AudioFormat("pcmu", 8_000)
WIRE_PCMA = AudioFormat("pcma", 8_000)


def pcm_seconds(pcm: bytes, rate_hz: int) -> float:
    """How long mono s16le `pcm` at `rate_hz` lasts."""
    return len(pcm) / (SAMPLE_BYTES * rate_hz)


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word and where it lies, in seconds from the start of the audio that was given."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognised.

    confidence: mean probability of a token, 0 to 1.  no_speech: probability that there was no speech, 0 to 1.
    text is empty when nothing was said; guards of the adapter have already removed hallucinated repetitions.
    """

    text: str
    language: str = "en"
    confidence: float = 1.0
    no_speech: float = 0.0
    duration_s: float = 0.0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised speech: mono s16le `pcm` at `rate_hz`, and the text that it says."""

    pcm: bytes
    rate_hz: int
    text: str

    @property
    def seconds(self) -> float:
        return pcm_seconds(self.pcm, self.rate_hz)
