"""Between the formats on the wire and the one inside, frame by frame: G.711, byte order and boundaries, channels, rates. No files."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, AudioFormat
from voiceagent.kit.resample import StreamResampler

_MU_BIAS, _MU_CLIP = 132, 32_635
Samples = NDArray[np.int16]


class Decoder:
    """From a stream in `wire` to s16le mono at 16 kHz.

    Delay: 1.5 ms from 24 kHz, 3 ms from 8 kHz, none from 16 kHz. A frame of 20 ms takes under 0.2 ms. Not thread-safe.
    """

    def __init__(self, wire: AudioFormat) -> None:
        self._wire = wire
        self._frame_bytes = wire.channels * (SAMPLE_BYTES if wire.encoding == "pcm_s16le" else 1)
        self._resampler = StreamResampler(wire.rate_hz, SPEECH_RATE_HZ)
        self._odd = b""

    def push(self, data: bytes) -> bytes:
        """What `data`, cut anywhere, adds. Bytes of an unfinished sample wait for the next push."""
        data = self._odd + data
        whole = len(data) - len(data) % self._frame_bytes
        self._odd = data[whole:]
        samples = _folded(_linear(data[:whole], self._wire.encoding), self._wire.channels)
        return self._resampler.push(samples).astype("<i2").tobytes()

    def flush(self) -> bytes:
        """The last 1.5 to 3 ms; an unfinished sample is dropped. The next push starts a new stream."""
        self._odd = b""
        return self._resampler.flush().astype("<i2").tobytes()


class Encoder:
    """From s16le mono at `rate_hz_in` to a stream in `wire`. Delay: none at the same rate, else at most 3 ms. Not thread-safe."""

    def __init__(self, rate_hz_in: int, wire: AudioFormat) -> None:
        self._wire = wire
        self._resampler = StreamResampler(rate_hz_in, wire.rate_hz)
        self._odd = b""

    def push(self, pcm: bytes) -> bytes:
        """What `pcm`, cut anywhere, adds."""
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._odd = pcm[whole:]
        return self._encoded(self._resampler.push(np.frombuffer(pcm[:whole], "<i2").astype(np.int16)))

    def flush(self) -> bytes:
        """The last samples. The next push starts a new stream."""
        self._odd = b""
        return self._encoded(self._resampler.flush())

    def reset(self) -> None:
        """Forget what was not given out: the speaker was stopped."""
        self._odd = b""
        self._resampler.reset()

    def _encoded(self, samples: Samples) -> bytes:
        spread = np.repeat(samples, self._wire.channels)
        if self._wire.encoding == "pcm_s16le":
            return spread.astype("<i2").tobytes()
        table = _mu_codes() if self._wire.encoding == "pcmu" else _a_codes()
        return table[spread.view(np.uint16)].tobytes()


def _linear(data: bytes, encoding: str) -> Samples:
    if encoding == "pcm_s16le":
        return np.frombuffer(data, "<i2").astype(np.int16)
    table = _mu_values() if encoding == "pcmu" else _a_values()
    return table[np.frombuffer(data, np.uint8)]


def _folded(samples: Samples, channels: int) -> Samples:
    """Interleaved channels averaged into one."""
    if channels == 1:
        return samples
    mean: NDArray[np.int32] = samples.reshape(-1, channels).sum(axis=1, dtype=np.int32) // channels
    return mean.astype(np.int16)


# G.711 (ITU-T, 1988), scaled to 16 bits. Each table is made once: 512 bytes to decode, 64 KiB to encode.


@lru_cache(maxsize=1)
def _mu_values() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = ((mantissa << 3) + _MU_BIAS << exponent) - _MU_BIAS
    return np.where(code & 128, -size, size).astype(np.int16)


@lru_cache(maxsize=1)
def _mu_codes() -> NDArray[np.uint8]:
    """The code of each 16-bit sample, indexed by its bits as an unsigned number."""
    value = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    size = np.minimum(np.abs(value), _MU_CLIP) + _MU_BIAS
    exponent = np.frexp(size.astype(np.float64))[1] - 8
    code: NDArray[np.int32] = ~(exponent << 4 | size >> exponent + 3 & 15 | np.where(value < 0, 128, 0))
    return code.astype(np.uint8)


@lru_cache(maxsize=1)
def _a_values() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0))
    return np.where(code & 128, size, -size).astype(np.int16)


@lru_cache(maxsize=1)
def _a_codes() -> NDArray[np.uint8]:
    """As for mu-law; a negative sample is mirrored by its complement, so that -1 and 0 are a pair."""
    value = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    size = np.where(value < 0, ~value, value)
    exponent = np.maximum(np.frexp(size.astype(np.float64))[1] - 8, 0)
    code: NDArray[np.int32] = exponent << 4 | size >> np.maximum(exponent, 1) + 3 & 15 | np.where(value < 0, 0, 128)
    return (code ^ 0x55).astype(np.uint8)
