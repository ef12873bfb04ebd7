"""Trimming of the silence around words."""

from __future__ import annotations

import numpy as np
import pytest

from voiceagent.adapters.tts.silence import trimmed

RATE_HZ = 24_000


def _word(lead_s: float, trail_s: float) -> np.ndarray:
    tone = 0.2 * np.sin(np.arange(RATE_HZ // 2) / 5)
    return np.concatenate([np.zeros(int(lead_s * RATE_HZ)), tone, np.zeros(int(trail_s * RATE_HZ))]).astype(np.float32)


@pytest.mark.parametrize(("text", "pause_s"), [("Yes.", 0.32), ("Yes,", 0.16), ("Yes", 0.06), ('"Yes!" ', 0.32)])
def test_the_lead_is_20_ms_and_the_pause_fits_the_mark(text: str, pause_s: float) -> None:
    sound = trimmed(_word(0.3, 0.5), RATE_HZ, text)
    assert len(sound) / RATE_HZ == pytest.approx(0.02 + 0.5 + pause_s, abs=0.011)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    assert loud[0] / RATE_HZ == pytest.approx(0.02, abs=0.011)


def test_pauses_shrink_with_the_speed() -> None:
    assert len(trimmed(_word(0.3, 0.5), RATE_HZ, "Yes.", 2.0)) < len(trimmed(_word(0.3, 0.5), RATE_HZ, "Yes."))


def test_nothing_is_added_to_a_tight_word() -> None:
    assert len(trimmed(_word(0.0, 0.0), RATE_HZ, "Yes.")) == RATE_HZ // 2


def test_all_quiet_gives_nothing() -> None:
    assert len(trimmed(np.zeros(RATE_HZ, np.float32), RATE_HZ, "Yes.")) == 0
    assert len(trimmed(np.zeros(0, np.float32), RATE_HZ, "Yes.")) == 0
