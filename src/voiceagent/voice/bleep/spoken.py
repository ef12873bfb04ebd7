"""A call's sound cut at its pauses: one long piece with pauses makes recognisers skip what was said after the first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ

PAUSE_S = 0.8
"""Shorter ones stand inside numbers that are said in groups."""
_EDGE_S = 0.3
"""Of the pause, kept on either side of what was said."""
_FRAME_SAMPLES = SPEECH_RATE_HZ // 50
_QUIET, _QUIETEST_PART, _ABOVE_FLOOR = 60.0, 0.1, 3.0
"""A frame is quiet below this mean amplitude (-55 dB of full scale), or below three times that of the quietest tenth."""


def utterances(pcm: bytes) -> Iterator[tuple[float, bytes]]:
    """(start in seconds, sound) of each part of `pcm` (s16le mono 16 kHz) between pauses, in order. Silence gives none."""
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2")
    loud = np.flatnonzero(_is_loud(samples))
    if not len(loud):
        return
    pause, edge = int(PAUSE_S * 50), int(_EDGE_S * 50)
    breaks = np.flatnonzero(np.diff(loud) > pause)
    firsts = loud[np.concatenate([[0], breaks + 1])]
    lasts = loud[np.concatenate([breaks, [len(loud) - 1]])]
    for first, last in zip(firsts, lasts, strict=True):
        start = max(0, int(first) - edge) * _FRAME_SAMPLES
        end = (int(last) + 1 + edge) * _FRAME_SAMPLES
        yield start / SPEECH_RATE_HZ, samples[start:end].tobytes()


def _is_loud(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """One value for each 20 ms, the last ones filled up with silence."""
    padded = np.pad(samples, (0, -len(samples) % _FRAME_SAMPLES)).reshape(-1, _FRAME_SAMPLES)
    level = np.abs(padded.astype(np.float32)).mean(axis=1)
    if not len(level):
        return np.zeros(0, np.bool_)
    floor = float(np.quantile(level, _QUIETEST_PART)) * _ABOVE_FLOOR
    # Where there is no pause at all the quietest tenth is speech itself: nothing may be taken for silence by it.
    return np.asarray(level > max(_QUIET, min(floor, float(np.quantile(level, 0.5)) / 2)), np.bool_)
