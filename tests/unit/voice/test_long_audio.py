"""Long recordings: no sample lost or doubled, cuts in quiet places, captions that parse."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.domain.audio import Transcript, Word
from voiceagent.voice.routes.captions import segments_of, srt, vtt
from voiceagent.voice.routes.long_audio import Piece, cut


def noise(seconds: float, level: float) -> np.ndarray:
    samples = np.random.default_rng(1).normal(0, level, int(seconds * 16_000))
    return samples.clip(-30_000, 30_000).astype("<i2")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200_000), st.floats(0.5, 5))
def test_every_sample_is_in_exactly_one_piece(samples: int, longest_s: float) -> None:
    pcm = (np.arange(samples) % 30_000).astype("<i2").tobytes()
    pieces = list(cut(pcm, longest_s))
    assert b"".join(part for _, part in pieces) == pcm
    assert all(len(part) <= longest_s * 32_000 and len(part) % 2 == 0 for _, part in pieces)
    place = 0
    for start_s, part in pieces:
        assert start_s == place / 32_000
        place += len(part)


def test_cuts_lie_in_pauses() -> None:
    pcm = np.concatenate([noise(8.0, 3_000), noise(0.5, 5), noise(8.0, 3_000)]).tobytes()
    starts = [start_s for start_s, _ in cut(pcm, 10.0)]
    assert len(starts) == 2
    assert 8.0 <= starts[1] <= 8.5


def piece(start_s: float, *words: tuple[str, float, float]) -> Piece:
    found = tuple(Word(*word) for word in words)
    return Piece(start_s, Transcript(" ".join(word.text for word in found), words=found, duration_s=9.0))


def test_segments_end_at_sentences_pauses_and_after_seven_seconds() -> None:
    pieces = [
        piece(0, ("One.", 0, 1), ("two", 1, 2), ("three", 2.9, 3.5)),
        piece(100, ("far", 0.5, 1), ("away", 1, 9)),
        Piece(200, Transcript("no times", duration_s=2.0)),
        Piece(300, Transcript("", duration_s=2.0)),
    ]
    found = [(segment.text, segment.start_s, segment.end_s) for segment in segments_of(pieces)]
    assert found == [
        ("One.", 0, 1),
        ("two", 1, 2),
        ("three", 2.9, 3.5),
        ("far", 100.5, 101),
        ("away", 101, 109),
        ("no times", 200, 202),
    ]


def test_captions_are_numbered_timed_and_escaped() -> None:
    segments = segments_of([piece(3_599.5, ("a<b", 0, 0.4996), ("c.", 0.5, 1))])
    assert srt(segments) == "1\n00:59:59,500 --> 01:00:00,500\na<b c.\n"
    assert vtt(segments) == "WEBVTT\n\n00:59:59.500 --> 01:00:00.500\na&lt;b c.\n"
