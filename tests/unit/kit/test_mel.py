"""Log-mel features against the definition, written out slowly in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from voiceagent.kit import mel


def _slowly(samples: np.ndarray, n_mels: int) -> np.ndarray:
    """The definition with an explicit Fourier matrix, one frame at a time."""
    mirrored = np.concatenate([samples[200:0:-1], samples, samples[-2:-202:-1]]).astype(np.float64)
    n = np.arange(400)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400)
    frames = [mirrored[160 * i : 160 * i + 400] * hann for i in range(len(samples) // 160)]
    power = np.abs(fourier @ np.array(frames).T) ** 2
    logs = np.log10(np.maximum(mel.filterbank(n_mels).astype(np.float64) @ power, 1e-10))
    return (np.maximum(logs, logs.max() - 8) + 4) / 4


@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_follow_the_definition(n_mels: int) -> None:
    rng = np.random.default_rng(7)
    seconds = np.arange(16_000) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * 440 * seconds) + 0.01 * rng.standard_normal(16_000)).astype(np.float32)
    features = mel.log_mel(sound, n_mels)
    assert features.shape == (n_mels, 100)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, _slowly(sound, n_mels), atol=2e-4)


def test_silence_lies_on_the_floor() -> None:
    features = mel.log_mel(np.zeros(16_000, np.float32))
    np.testing.assert_allclose(features, (np.log10(mel.FLOOR) + 4) / 4, atol=1e-6)


def test_every_filter_has_the_same_area_and_the_first_and_last_stay_inside() -> None:
    bank = mel.filterbank(80)
    assert bank.shape == (80, 201)
    assert (bank >= 0).all()
    wide = bank[41:].sum(axis=1) * 40.0  # bins are 40 Hz apart; narrow filters are sampled too coarsely to compare
    np.testing.assert_allclose(wide, 1.0, atol=0.05)
    assert bank[0, 0] == 0
    assert bank[-1, -1] == pytest.approx(0, abs=1e-6)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = int(mel.log_mel(tone).mean(axis=1).argmax())
    assert int(mel.filterbank(80)[:, 25].argmax()) == loudest


def test_no_full_frame_gives_no_column() -> None:
    assert mel.log_mel(np.zeros(159, np.float32)).shape == (80, 0)


def test_samples_of_scales_to_one() -> None:
    np.testing.assert_array_equal(mel.samples_of(b"\x00\x80\xff\x7f\x00\x00"), np.float32([-1, 32767 / 32768, 0]))
