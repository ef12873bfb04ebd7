"""Streaming change of sampling rate by a fixed rational ratio: a windowed-sinc filter with under 4 ms of delay, in numpy.

soxr's stream resampler works in blocks and holds back 12 to 60 ms at these ratios at its lowest quality, up to 117 ms at the
next (measured with 20 ms frames: soxr 1.1.0, 2026-11); in a conversation that is too long. Whole files go through soxr.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_TAPS = 48
"""Filter length in samples of the lower rate. With the window below: -70 dB from 0.16 of that rate above its half."""
_KAISER_BETA = 7.0
_ROLL_OFF = 0.92
"""Half-power point as a part of half the lower rate."""
_BLOCK_GROUPS = 4096
"""Work in pieces of this many groups, so that an hour in one push needs no more memory than a minute."""


class StreamResampler:
    """Mono int16 in, mono int16 out, aligned in time: sample n of the output lies at n / rate_out_hz of the input.

    What lies within half a filter (0.75 to 3 ms) of the end of a push comes with the next one or with `flush`.
    A frame of 20 ms takes about 0.1 ms. Not thread-safe.
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int) -> None:
        if rate_in_hz <= 0 or rate_out_hz <= 0:
            raise ValueError("rates are positive")
        shared = gcd(rate_in_hz, rate_out_hz)
        self._up, self._down = rate_out_hz // shared, rate_in_hz // shared
        self._matrix, self._half = _group_matrix(self._up, self._down)
        self.delay_s = self._half / rate_in_hz
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the next push starts a new one."""
        self._held = np.zeros(self._half, np.float32)
        self._taken = 0
        self._given = 0

    def push(self, samples: Samples) -> Samples:
        """The output that the stream so far, ended by `samples` [n] (any n), determines."""
        if self._up == self._down:
            return samples
        self._taken += len(samples)
        made = self._groups(np.concatenate([self._held, samples.astype(np.float32)]))
        self._given += len(made)
        return made

    def flush(self) -> Samples:
        """The rest, as if silence followed: in all ceil(samples in * ratio) came out. Starts a new stream."""
        if self._up == self._down:
            return np.zeros(0, np.int16)
        due = ceil(self._taken * self._up / self._down) - self._given
        rest = self._groups(np.concatenate([self._held, np.zeros(len(self._matrix) + self._down, np.float32)]))[:due]
        self.reset()
        return rest

    def _groups(self, line: NDArray[np.float32]) -> Samples:
        """All whole groups of `up` outputs in `line`; each moves on by `down` inputs. Keeps what the next group needs."""
        width = len(self._matrix)
        count = max(0, (len(line) - width) // self._down + 1)
        self._held = line[count * self._down :]
        if not count:
            return np.zeros(0, np.int16)
        windows = sliding_window_view(line, width)[:: self._down][:count]
        parts = [windows[at : at + _BLOCK_GROUPS] @ self._matrix for at in range(0, count, _BLOCK_GROUPS)]
        return _rounded(np.concatenate(parts).reshape(-1))


def _rounded(values: NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


@lru_cache(maxsize=32)
def _group_matrix(up: int, down: int) -> tuple[NDArray[np.float32], int]:
    """Weights [inputs, up] of one group of `up` outputs, and how many inputs lie before the first output's own time.

    Output j of a group lies at j * down / up inputs; its weights are the filter centred there, each column summing to one.
    """
    stretch = max(1.0, down / up)
    half = ceil(_TAPS / 2 * stretch)
    inputs = np.arange(2 * half + (up - 1) * down // up + 1, dtype=np.float64) - half
    distance = inputs[:, None] - np.arange(up) * down / up
    inside = np.clip(1.0 - np.square(distance / half), 0.0, None)
    window = np.i0(_KAISER_BETA * np.sqrt(inside)) / np.i0(_KAISER_BETA)
    weights = np.sinc(distance * _ROLL_OFF / stretch) * window * (np.abs(distance) <= half)
    matrix = (weights / weights.sum(axis=0)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix, half
