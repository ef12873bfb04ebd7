"""Streaming change of sampling rate: length, alignment, level, aliases, and independence from how the stream is cut."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.kit.resample import StreamResampler

RATES = [
    (24_000, 16_000),
    (8_000, 16_000),
    (24_000, 8_000),
    (16_000, 24_000),
    (22_050, 24_000),
    (44_100, 16_000),
    (48_000, 16_000),
]


def _tone(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.rint(16_000 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.int16)


def _through(samples: np.ndarray, rate_in_hz: int, rate_out_hz: int) -> np.ndarray:
    resampler = StreamResampler(rate_in_hz, rate_out_hz)
    return np.concatenate([resampler.push(samples), resampler.flush()])


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), RATES)
def test_a_tone_keeps_its_place_and_level(rate_in_hz: int, rate_out_hz: int) -> None:
    made = _through(_tone(1_000, rate_in_hz), rate_in_hz, rate_out_hz)
    expected = _tone(1_000, rate_out_hz)
    assert len(made) == len(expected)
    middle = slice(rate_out_hz // 4, rate_out_hz * 3 // 4)
    assert np.abs(made[middle].astype(int) - expected[middle].astype(int)).max() < 16  # -60 dB


@pytest.mark.parametrize(
    ("rate_in_hz", "rate_out_hz", "hz"), [(24_000, 16_000, 9_000), (24_000, 8_000, 5_000), (48_000, 16_000, 10_000)]
)
def test_what_the_new_rate_cannot_hold_is_gone(rate_in_hz: int, rate_out_hz: int, hz: float) -> None:
    made = _through(_tone(hz, rate_in_hz), rate_in_hz, rate_out_hz)
    middle = slice(rate_out_hz // 4, rate_out_hz * 3 // 4)
    assert np.abs(made[middle]).max() < 16


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), RATES)
def test_hardly_anything_is_held_back(rate_in_hz: int, rate_out_hz: int) -> None:
    resampler = StreamResampler(rate_in_hz, rate_out_hz)
    frame = rate_in_hz // 50
    given_s = 0.0
    for number in range(1, 20):
        given_s += len(resampler.push(np.zeros(frame, np.int16))) / rate_out_hz
        assert number * 0.02 - given_s < 0.014
    if rate_out_hz in (8_000, 16_000) and rate_in_hz in (8_000, 24_000):
        assert 0.38 - given_s < 0.0035


@settings(max_examples=60, deadline=None)
@given(
    rates=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 700), max_size=12),
    seed=st.integers(0, 99),
)
def test_cuts_do_not_change_a_sample_and_the_length_is_exact(
    rates: tuple[int, int], cuts: list[int], seed: int
) -> None:
    rate_in_hz, rate_out_hz = rates
    sound = np.random.default_rng(seed).integers(-20_000, 20_000, sum(cuts)).astype(np.int16)
    resampler, parts, at = StreamResampler(*rates), [], 0
    for cut in cuts:
        parts.append(resampler.push(sound[at : at + cut]))
        at += cut
    made = np.concatenate([*parts, resampler.flush()])
    assert len(made) == ceil(len(sound) * rate_out_hz / rate_in_hz)
    whole = _through(sound, *rates)
    assert np.abs(made.astype(int) - whole.astype(int)).max(initial=0) <= 1  # sums in another order may round elsewhere


def test_flush_starts_a_new_stream() -> None:
    resampler = StreamResampler(24_000, 16_000)
    first = np.concatenate([resampler.push(_tone(500, 24_000)), resampler.flush()])
    again = np.concatenate([resampler.push(_tone(500, 24_000)), resampler.flush()])
    np.testing.assert_array_equal(first, again)


def test_full_scale_does_not_wrap() -> None:
    square = np.where(np.arange(24_000) // 24 % 2, 32_767, -32_768).astype(np.int16)
    made = _through(square, 24_000, 16_000)
    flips = np.flatnonzero(np.diff(np.sign(made.astype(int))) != 0)
    assert len(flips) == pytest.approx(1_000, abs=4)


def test_the_same_rate_changes_nothing() -> None:
    tone = _tone(440, 16_000)
    np.testing.assert_array_equal(_through(tone, 16_000, 16_000), tone)


def test_a_rate_of_zero_is_an_error_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="positive"):
        StreamResampler(0, 16_000)
