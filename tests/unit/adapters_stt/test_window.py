"""The window that the encoder sees, and where long audio is cut."""

from __future__ import annotations

import numpy as np
import pytest

from voiceagent.adapters.stt.window import (
    FLOOR_FRAMES,
    FULL_FRAMES,
    PADDING_FRAMES,
    SECOND_FRAMES,
    Floats,
    features,
    is_inaudible,
    longer_frames,
    next_cut,
    short_frames,
    window,
)
from voiceagent.kit.mel import log_mel

RATE_HZ = 16_000


def noise(seconds: float, level: float = 0.1) -> Floats:
    return np.random.default_rng(3).standard_normal(int(seconds * RATE_HZ)).astype(np.float32) * np.float32(level)


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(0.1, FLOOR_FRAMES), (2.0, FLOOR_FRAMES), (12.0, 1200 + PADDING_FRAMES), (28.0, FULL_FRAMES), (30.0, FULL_FRAMES)],
)
def test_the_window_is_the_utterance_and_padding_between_its_floor_and_30_s(seconds: float, frames: int) -> None:
    assert short_frames(int(seconds * RATE_HZ)) == frames


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 100_001, 200_161, 333_333])
def test_the_window_is_even_and_holds_the_utterance(samples: int) -> None:
    frames = short_frames(samples)
    assert frames % 2 == 0 and min(FULL_FRAMES, samples // 160 + PADDING_FRAMES) <= frames <= FULL_FRAMES


@pytest.mark.parametrize("seconds", [0.2, 1.0037, 5.0, 29.5])
def test_filling_with_silence_is_the_same_as_padding_the_sound(seconds: float) -> None:
    samples = noise(seconds)
    padded = np.pad(samples, (0, FULL_FRAMES * 160 - len(samples)))
    np.testing.assert_allclose(window(features(samples, 80), FULL_FRAMES)[0], log_mel(padded, 80), atol=2e-4)


def test_silence_throughout_is_the_floor_of_the_features() -> None:
    samples = np.zeros(RATE_HZ, dtype=np.float32)
    np.testing.assert_allclose(
        window(features(samples, 80), 1000)[0], log_mel(np.zeros(160_000, np.float32)), atol=1e-5
    )


def test_inaudible_is_below_65_db() -> None:
    assert is_inaudible(np.zeros(RATE_HZ, dtype=np.float32))
    assert is_inaudible(noise(1.0, 0.0003))
    assert is_inaudible(np.zeros(0, dtype=np.float32))
    quiet_with_a_click = noise(1.0, 0.0003)
    quiet_with_a_click[8_000:8_320] += 0.01
    assert not is_inaudible(quiet_with_a_click)


def test_long_audio_is_cut_in_its_quietest_place() -> None:
    samples = noise(30.0)
    samples[int(21.3 * RATE_HZ) : int(21.7 * RATE_HZ)] *= 0.001
    assert next_cut(samples) / RATE_HZ == pytest.approx(21.5, abs=0.15)


def test_long_audio_without_a_pause_is_cut_all_the_same() -> None:
    assert 15.0 <= next_cut(np.full(30 * RATE_HZ, 0.5, dtype=np.float32)) / RATE_HZ <= 28.0


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.1, SECOND_FRAMES), (10.0, SECOND_FRAMES), (10.1, FULL_FRAMES), (20.0, FULL_FRAMES)]
)
def test_a_second_look_sees_clearly_more(seconds: float, frames: int) -> None:
    first = short_frames(int(seconds * 16_000))
    assert longer_frames(first) == frames
    assert longer_frames(first) >= first + PADDING_FRAMES
