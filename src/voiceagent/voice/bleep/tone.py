"""A tone in place of what was said, by intervals; and a session's log that keeps the shape of words and no words."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from voiceagent.domain.audio import SAMPLE_BYTES
from voiceagent.domain.pii.bleep import Interval

TONE_HZ = 1_000.0
_PEAK = 3_000
"""-21 dB of full scale: as loud as quiet speech."""
_OUR_FIELDS = frozenset(("is", "kind", "reason", "code", "status", "state", "role", "output", "detection"))
"""Fields of a log that hold words of ours, never of people."""
_LETTER, _FIGURE = re.compile(r"[^\W\d_]"), re.compile(r"\d")


def bleeped(pcm: bytes, intervals: Iterable[Interval], rate_hz: int) -> bytes:
    """`pcm` (s16le mono at `rate_hz`) of the same length, with a tone, and nothing of what was there, in each interval."""
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").copy()
    for interval in intervals:
        start, end = int(interval.start_s * rate_hz), int(np.ceil(interval.end_s * rate_hz))
        place = np.arange(len(samples[start:end]))
        samples[start:end] = _PEAK * np.sin(2 * np.pi * TONE_HZ / rate_hz * place)
    return samples.tobytes()


def shape_of(entry: object, field: str = "") -> object:
    """An entry of a log with x for each letter and 0 for each figure of its texts: turns can be replayed, words cannot be read.

    Pieces of a number that was recognised while it was said are in the log too, and no rule finds a quarter of a number.
    """
    if isinstance(entry, dict):
        return {name: shape_of(value, name) for name, value in entry.items()}
    if isinstance(entry, list):
        return [shape_of(value, field) for value in entry]
    if isinstance(entry, str) and field not in _OUR_FIELDS and not field.endswith("_id"):
        return _FIGURE.sub("0", _LETTER.sub("x", entry))
    return entry
