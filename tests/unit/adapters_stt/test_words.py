"""How bench/stt compares transcripts: what must count as the same, and what must not."""

from __future__ import annotations

import pytest
from bench.stt.words import errors, normalised


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Twenty-ounce", "20 ounce"),
        ("five five", "55"),
        ("one hundred and eighty two", "182"),
        ("IN EIGHTEEN THIRTEEN", "in 1813"),
        ("one hundred eighty two", "182"),
        ("two thousand five", "2,005"),
        ("Mister Meadowcroft's", "mr. meadowcroft’s"),
        ("TO MORROW", "tomorrow"),
        ("uh, yes <VOCNOISE>", "Yes."),
        ("nine one one", "911"),
        ("twenty one", "21"),
    ],
)
def test_the_same(left: str, right: str) -> None:
    assert normalised(left) == normalised(right)


@pytest.mark.parametrize(("left", "right"), [("twenty", "2"), ("ten of clubs", "10 of close"), ("sixteen", "60")])
def test_not_the_same(left: str, right: str) -> None:
    assert normalised(left) != normalised(right)


@pytest.mark.parametrize(
    ("heard", "count"), [("a b c", 0), ("a c", 1), ("a b b c", 1), ("a x c", 1), ("", 3), ("x y z w", 4), ("b c a", 2)]
)
def test_errors_are_substitutions_deletions_and_insertions(heard: str, count: int) -> None:
    assert errors(["a", "b", "c"], heard.split()) == count
