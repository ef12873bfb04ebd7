"""When each word was said."""

from __future__ import annotations

import numpy as np
import pytest

from voiceagent.adapters.stt.times import placed
from voiceagent.adapters.stt.window import Floats


def sound(*loud: tuple[float, float], seconds: float = 3.0) -> Floats:
    """Silence with noise in these spans of seconds."""
    samples = np.zeros(int(seconds * 16_000), dtype=np.float32)
    for start_s, end_s in loud:
        first, last = int(start_s * 16_000), int(end_s * 16_000)
        samples[first:last] = np.random.default_rng(1).uniform(-0.5, 0.5, last - first)
    return samples


WORDS = [(" Soy", [5]), (" milk,", [6, 7]), (" please.", [8])]


def test_a_word_lasts_from_its_first_sound_to_its_last() -> None:
    words = placed(WORDS, {0: 0.0, 1: 0.6, 3: 1.4}, sound((0.2, 0.6), (0.6, 0.9), (2.0, 2.5)))
    assert [word.text for word in words] == ["Soy", "milk,", "please."]
    spans = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert spans == pytest.approx([0.2, 0.6, 0.6, 0.9, 2.0, 2.5], abs=0.021)


def test_times_never_go_back_or_beyond_the_sound() -> None:
    words = placed(WORDS, {0: 1.0, 1: 0.5, 3: 9.0}, sound((0.0, 3.0)))
    edges = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges) and edges[-1] <= 3.0


def test_a_word_without_any_sound_keeps_the_time_of_the_model() -> None:
    (word,) = placed([(" hush", [5])], {0: 1.0}, sound((0.0, 0.5)))
    assert (word.start_s, word.end_s) == (1.0, 3.0)


def test_silence_throughout_is_no_error() -> None:
    assert placed([(" hush", [5])], {}, np.zeros(100, dtype=np.float32))[0].start_s == 0.0
