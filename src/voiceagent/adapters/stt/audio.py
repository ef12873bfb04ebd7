"""What every recogniser checks before it listens."""

from __future__ import annotations

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, pcm_seconds
from voiceagent.kit.errors import InvalidInput, TooLarge

MIN_S = 0.1
"""Less than this holds no word."""


def checked(pcm: bytes, max_s: float) -> float:
    """How long mono s16le 16 kHz `pcm` lasts. Raises InvalidInput `bad_audio`, TooLarge `audio_too_long`."""
    if len(pcm) % SAMPLE_BYTES:
        raise InvalidInput("bad_audio", "16-bit sound has an even number of bytes", param="audio")
    duration_s = pcm_seconds(pcm, SPEECH_RATE_HZ)
    if duration_s > max_s:
        raise TooLarge(
            "audio_too_long", f"the sound lasts {duration_s:.0f} s, the limit is {max_s:.0f} s", param="audio"
        )
    return duration_s
