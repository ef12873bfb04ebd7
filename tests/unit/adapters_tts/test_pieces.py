"""Cutting text into pieces to synthesise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.adapters.tts.pieces import HARD_CHARS, pieces


@given(st.text(alphabet="ab .,;!?\n\"'…—(1", max_size=600))
def test_nothing_is_lost_or_added_and_no_piece_is_long_or_blank(text: str) -> None:
    cut = pieces(text)
    assert "".join(cut) == (text if text.strip() else "")
    assert all(piece.strip() for piece in cut)
    assert all(len(piece.strip()) <= HARD_CHARS for piece in cut)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you?", ["Hello. ", "How are you?"]),
        ("Dr. Smith met J. Doe at 3.5 p.m. on it.", ["Dr. Smith met J. Doe at 3.5 p.m. on it."]),
        ("It was I. Then he left.", ["It was I. ", "Then he left."]),
        ('He said "Stop." She did.', ['He said "Stop." ', "She did."]),
        ("One\nTwo\n\nThree", ["One\n", "Two\n\n", "Three"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_sentences_end_where_people_stop(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_the_first_piece_of_a_long_sentence_is_a_short_clause() -> None:
    text = (
        "Yes, we are open from nine to five on weekdays, and from ten to two on Saturdays, except on public holidays."
    )
    cut = pieces(text)
    assert cut[0] == "Yes, we are open from nine to five on weekdays, "
    assert "".join(cut) == text


def test_a_sentence_without_any_break_is_cut_between_words() -> None:
    text = "word " * 100
    assert all(piece.endswith("word ") for piece in pieces(text))
