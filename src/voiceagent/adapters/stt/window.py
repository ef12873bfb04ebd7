"""The stretch of features that the encoder sees: cut to the utterance, padded with silence; and where long audio is cut. No model here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceagent.domain.audio import SPEECH_RATE_HZ
from voiceagent.kit.mel import FFT_SAMPLES, HOP_SAMPLES, log_mel

Floats = NDArray[np.float32]

FULL_FRAMES = 3000
"""What Whisper was trained on: 30 s."""

FLOOR_FRAMES = 800
PADDING_FRAMES = 500
"""Measured with bench/stt on 345 clips: less padding costs words in noise, a lower floor more second tries; more of either only time."""

SECOND_FRAMES = 2000
"""The second look of most utterances. Measured on the 13 of 345 clips that need one: 22 word errors, with the full window 23, at half the
time (254 and 558 ms); 1,500 frames give 26."""

MAX_WINDOW_S = 30.0
EARLIEST_CUT_S, LATEST_CUT_S = 15.0, 28.0
SILENCE_DBFS = -65.0
_QUIET_SAMPLES = SPEECH_RATE_HZ // 5
_LEVEL_SAMPLES = SPEECH_RATE_HZ // 50
_ZERO_LOG = -1.5
"""The feature of digital silence in a clip that is silent throughout: (log10(1e-10) + 4) / 4."""


def short_frames(samples: int) -> int:
    """How many frames the cut window has for an utterance of so many samples: even, 800 to 3,000."""
    frames = max(FLOOR_FRAMES, -(-samples // HOP_SAMPLES) + PADDING_FRAMES)
    return min(FULL_FRAMES, frames + frames % 2)


def longer_frames(frames: int) -> int:
    """The window of a second look at an utterance whose first one had `frames`."""
    return SECOND_FRAMES if frames <= SECOND_FRAMES - PADDING_FRAMES else FULL_FRAMES


def features(samples: Floats, n_mels: int) -> Floats:
    """Log-mel float32 [n_mels, frames] of the utterance itself, with the frames that straddle its end."""
    return log_mel(np.pad(samples, (0, FFT_SAMPLES)), n_mels)


def window(spectrum: Floats, frames: int) -> Floats:
    """`spectrum` in a window of `frames`, float32 [1, n_mels, frames]; the rest is what silence after it would give."""
    silence = max(float(spectrum.max(initial=-np.inf)) - 2.0, _ZERO_LOG)
    result = np.full((1, spectrum.shape[0], frames), silence, dtype=np.float32)
    used = min(frames, spectrum.shape[1])
    result[0, :, :used] = spectrum[:, :used]
    return result


def is_inaudible(samples: Floats) -> bool:
    """Whether no 20 ms of it are louder than -65 dB below full scale."""
    return bool(levels(samples, _LEVEL_SAMPLES).max(initial=0.0) < 10 ** (SILENCE_DBFS / 10))


def levels(samples: Floats, block: int) -> Floats:
    """Mean power of each whole block of samples, float32 [len(samples) // block]."""
    whole = samples[: len(samples) // block * block].reshape(-1, block)
    power: Floats = np.einsum("ij,ij->i", whole, whole) / np.float32(block)
    return power


def next_cut(samples: Floats) -> int:
    """Where to end the first window of audio longer than 30 s: the middle of the quietest fifth of a second between 15 and 28 s."""
    first, last = int(EARLIEST_CUT_S * SPEECH_RATE_HZ), int(LATEST_CUT_S * SPEECH_RATE_HZ)
    power = levels(samples[first:last], _LEVEL_SAMPLES)
    width = _QUIET_SAMPLES // _LEVEL_SAMPLES
    smooth = np.convolve(power, np.ones(width, dtype=np.float32), mode="valid")
    return first + int(smooth.argmin()) * _LEVEL_SAMPLES + _QUIET_SAMPLES // 2
