"""When each word was said: the model's alignment says where a word begins at the earliest, the loudness where it is heard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceagent.adapters.stt.window import Floats, levels
from voiceagent.domain.audio import SPEECH_RATE_HZ, Word

_BLOCK_SAMPLES = SPEECH_RATE_HZ // 50
_BLOCK_S = 0.02
_QUIET_SHARE = 1e-3
"""A block 30 dB below the loud ones (their 95th percentile) is a pause, not speech."""


def placed(words: list[tuple[str, list[int]]], begins: dict[int, float], samples: Floats) -> tuple[Word, ...]:
    """Words, each with its tokens, as words with times in seconds, never backwards.

    begins: the time of tokens by their place in the text. The alignment gives the pause before a word to the word: it is taken off,
    and so is the pause behind it.
    """
    duration_s = len(samples) / SPEECH_RATE_HZ
    starts: list[float] = []
    at, latest_s = 0, 0.0
    for _, tokens in words:
        latest_s = min(duration_s, max(latest_s, begins.get(at, latest_s)))
        starts.append(latest_s)
        at += len(tokens)
    loud = _loud(samples)
    spans = (_trimmed(*span, loud) for span in zip(starts, [*starts[1:], duration_s], strict=True))
    return tuple(Word(text.strip(), *span) for (text, _), span in zip(words, spans, strict=True) if text.strip())


def _loud(samples: Floats) -> NDArray[np.bool_]:
    power = levels(samples, _BLOCK_SAMPLES)
    if not len(power):
        return np.zeros(0, dtype=np.bool_)
    result: NDArray[np.bool_] = power > np.percentile(power, 95) * _QUIET_SHARE
    return result


def _trimmed(start_s: float, end_s: float, loud: NDArray[np.bool_]) -> tuple[float, float]:
    """The span without the quiet blocks at its ends; as it is when all of it is quiet."""
    first = int(start_s / _BLOCK_S)
    inside = np.flatnonzero(loud[first : int(end_s / _BLOCK_S)])
    if not len(inside):
        return start_s, end_s
    return max(start_s, (first + int(inside[0])) * _BLOCK_S), min(end_s, (first + int(inside[-1]) + 1) * _BLOCK_S)
