"""Voice activity by loudness alone: deterministic, without a model, for demos, load tests and continuous integration."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np

from voiceagent.domain.audio import SAMPLE_BYTES, VAD_WINDOW_SAMPLES
from voiceagent.kit.errors import InvalidInput, Misconfigured

_WINDOW_BYTES = VAD_WINDOW_SAMPLES * SAMPLE_BYTES
_RAMP_DB = 12.0
"""From quarter to three quarters of certainty the sound grows by half of this."""


class LoudnessStream:
    """Keeps no memory: the same window always has the same probability."""

    def __init__(self, threshold_dbfs: float) -> None:
        self._threshold_dbfs = threshold_dbfs

    def probability(self, window: bytes) -> float:
        if len(window) != _WINDOW_BYTES:
            raise InvalidInput("bad_audio", f"a window is {_WINDOW_BYTES} bytes, not {len(window)}")
        samples = np.frombuffer(window, dtype="<i2").astype(np.float64) / 32768
        level_dbfs = 10 * np.log10(np.mean(np.square(samples)) + 1e-12)
        return float(np.clip(0.5 + (level_dbfs - self._threshold_dbfs) / _RAMP_DB, 0.0, 1.0))

    def reset(self) -> None:
        """Nothing to forget."""


class Loudness:
    """Opens loudness detectors. threshold_dbfs: the root-mean-square level that counts as speech with probability 0.5."""

    def __init__(self, threshold_dbfs: float = -40.0) -> None:
        self._threshold_dbfs = threshold_dbfs

    def open(self) -> LoudnessStream:
        return LoudnessStream(self._threshold_dbfs)


def open_vad(url: str) -> Loudness:
    """The detector for `scripted:///?threshold_dbfs=-40`. Raises Misconfigured `bad_url`."""
    value = parse_qs(urlsplit(url).query).get("threshold_dbfs", ["-40"])[-1]
    try:
        return Loudness(float(value))
    except ValueError as error:
        raise Misconfigured("bad_url", f"threshold_dbfs is not a number: {value}") from error
