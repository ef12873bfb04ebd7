"""Trims the silence that a voice puts around its words: in front it is pure waiting, behind it is a pause of the right length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAD_MS = 20
"""Kept in front of the first sound, so that a soft consonant is not cut."""
_STEP_MS = 10
_QUIET_DBFS = -55.0
_PAUSES_MS = {".": 320, "!": 320, "?": 320, "…": 320, ":": 220, ";": 220, ",": 160, "—": 160, "–": 160}
_NO_PAUSE_MS = 60


def trimmed(samples: NDArray[np.float32], rate_hz: int, text: str, speed: float = 1.0) -> NDArray[np.float32]:
    """`samples` [n] with 20 ms of quiet in front and, behind, the pause that the last mark of `text` asks for. All quiet gives none."""
    step = rate_hz * _STEP_MS // 1000
    count = len(samples) // step
    power = np.square(samples[: count * step]).reshape(count, step).mean(axis=1)
    loud = np.flatnonzero(power > 10 ** (_QUIET_DBFS / 10))
    if not len(loud):
        return samples[:0]
    first = max(0, int(loud[0]) * step - rate_hz * LEAD_MS // 1000)
    last = int(loud[-1] + 1) * step + int(rate_hz * _pause_ms(text) / 1000 / speed)
    return samples[first:last]


def _pause_ms(text: str) -> int:
    end = text.rstrip().rstrip("\"”’')]")
    return _PAUSES_MS.get(end[-1:], _NO_PAUSE_MS)
