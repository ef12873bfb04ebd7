"""Whisper's log-mel features in numpy: 25 ms Hann windows every 10 ms, 80 or 128 Slaney bands. No model, no padding policy.

Formulas: Radford et al. 2022 (Whisper) for the scaling, Slaney 1998 (Auditory Toolbox) for the mel scale and band areas.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

RATE_HZ = 16_000
FFT_SAMPLES = 400
HOP_SAMPLES = 160
FLOOR = 1e-10
RANGE_LOG10 = 8.0
"""What lies more than this many decades below the loudest band of the clip is raised to it."""

_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0
Floats = NDArray[np.float32]


def samples_of(pcm: bytes) -> Floats:
    """s16le mono `pcm` (an even number of bytes) as float32 in -1 to 1, shape [len(pcm) / 2]."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) * np.float32(1 / 32768)


def log_mel(samples: Floats, n_mels: int = 80) -> Floats:
    """Features float32 [n_mels, frames] of float32 `samples` [n] at 16 kHz; frames = n // 160, frame i is centred on sample 160 i.

    The ends are mirrored, so n must be at least 201. About 3 ms for 8 s on one core. Thread-safe.
    """
    return scaled(mel_power(samples, n_mels))


def mel_power(samples: Floats, n_mels: int = 80) -> Floats:
    """Power in each band, float32 [n_mels, frames], before the logarithm."""
    mirrored = np.pad(samples, FFT_SAMPLES // 2, mode="reflect")
    frames = sliding_window_view(mirrored, FFT_SAMPLES)[: len(samples) // HOP_SAMPLES * HOP_SAMPLES : HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * _window(), axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    bands: Floats = filterbank(n_mels) @ power.T
    return bands


def scaled(power: Floats) -> Floats:
    """`power` as the model wants it: base-10 logarithm, the top eight decades, shifted and divided by four. Changes nothing in place."""
    logs = np.log10(np.maximum(power, np.float32(FLOOR)))
    np.maximum(logs, logs.max(initial=-np.inf) - np.float32(RANGE_LOG10), out=logs)
    logs += np.float32(4.0)
    logs *= np.float32(0.25)
    return logs


@lru_cache(maxsize=4)
def filterbank(n_mels: int) -> Floats:
    """Triangular filters of equal area, float32 [n_mels, 201], from 0 to 8 kHz. Shared: do not write to it."""
    edges_hz = _to_hz(np.linspace(0.0, _to_mel(RATE_HZ / 2), n_mels + 2))
    bins_hz = np.linspace(0.0, RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    lower, centre, upper = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - lower) / (centre - lower)
    falling = (upper - bins_hz) / (upper - centre)
    bank = np.clip(np.minimum(rising, falling), 0.0, None) * (2.0 / (upper - lower))
    return _frozen(bank)


@lru_cache(maxsize=1)
def _window() -> Floats:
    """The periodic Hann window, float32 [400]."""
    return _frozen(np.hanning(FFT_SAMPLES + 1)[:-1])


def _frozen(values: NDArray[np.float64]) -> Floats:
    result = values.astype(np.float32)
    result.setflags(write=False)
    return result


def _to_mel(hz: float) -> float:
    return _BREAK_MEL + float(np.log(hz / _BREAK_HZ)) / _LOG_STEP if hz >= _BREAK_HZ else hz * _BREAK_MEL / _BREAK_HZ


def _to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _BREAK_HZ / _BREAK_MEL
    return np.where(mel >= _BREAK_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)), linear)
