"""Where the sound in a piece of speech begins: synthesisers start with silence that a waiting caller should not hear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voiceagent.domain.audio import SAMPLE_BYTES, Speech

AUDIBLE = 100
"""Absolute sample value of s16 above which sound counts as audible (-50 dBFS)."""
KEPT_S = 0.01
"""Silence left before the onset, so that a soft consonant is not clipped."""


def without_leading_silence(speech: Speech) -> Speech:
    """`speech` from shortly before its first audible sample on; unchanged when all of it is silent."""
    samples = np.frombuffer(speech.pcm, dtype="<i2")
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    if not audible.size:
        return speech
    start = max(0, int(audible[0]) - int(KEPT_S * speech.rate_hz))
    return replace(speech, pcm=speech.pcm[start * SAMPLE_BYTES :])
