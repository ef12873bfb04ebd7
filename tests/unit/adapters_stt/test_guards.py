"""When a transcript is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.adapters.stt.guards import Attempt, ends_as_it_began, is_doubtful, is_silence, loop, without_loops

GOOD = Attempt("Can I have a small latte with soy milk?", -0.2, 0.02)


def test_a_probable_sentence_is_believed() -> None:
    assert not is_doubtful(GOOD) and not is_silence(GOOD)


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt("you", -1.25, 0.99),
        Attempt("I'm not going to do anything.", -1.8, 0.71),
        Attempt("You", -3.7, 0.31),
        Attempt(".", -0.1, 0.1),
        Attempt("", -0.1, 0.1),
        Attempt("Be " * 40, -0.1, 0.84),
    ],
)
def test_nobody_spoke(attempt: Attempt) -> None:
    assert is_silence(attempt)


@pytest.mark.parametrize(
    "attempt", [Attempt("5 5", -1.1, 0.31), Attempt("Yes.", -0.3, 0.8), Attempt("はい", -0.5, 0.2)]
)
def test_somebody_spoke(attempt: Attempt) -> None:
    assert not is_silence(attempt)


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt("Can I have", -0.2, 0.0, cut=True),
        Attempt("May I have nineteen?", -0.9, 0.0),
        Attempt("forced a liner, uh, forced a liner, uh,", -0.2, 0.0),
        Attempt("ask not what your country can do. Ask not what your", -0.2, 0.0),
        Attempt("abcabcabc" * 12, -0.1, 0.0),
    ],
    ids=["stopped by its limit", "improbable", "circular", "begins again", "packs too well"],
)
def test_a_second_look_is_worth_it(attempt: Attempt) -> None:
    assert is_doubtful(attempt)


@pytest.mark.parametrize(
    "text",
    [
        "no no no no",
        "bye bye",
        "five five five five",
        "I had had enough",
        "well, well, well",
        "ha ha ha",
        "今日は今日は雨",
    ],
)
def test_people_repeat_themselves(text: str) -> None:
    assert loop(text) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("no no no no no no", "no"),
        ("Montreal, uh, forced. Montreal, uh, forced. Montreal, uh, forced", "Montreal, uh, forced"),
        ("So ever tried, ever tried, ever tried, ever tried it.", "So ever tried it."),
        ("ありがとう" * 5 + "ございます", "ありがとうございます"),
        ("one two three", "one two three"),
    ],
)
def test_a_loop_is_said_once(text: str, kept: str) -> None:
    assert without_loops(text) == kept


def test_the_end_may_share_two_words_with_the_beginning() -> None:
    assert not ends_as_it_began("I think that is what I think")
    assert ends_as_it_began("I think so that is what I think so")


@given(st.lists(st.sampled_from(["yes", "no", "maybe,", "well"]), max_size=30).map(" ".join))
def test_what_is_left_has_no_loop_and_loses_no_word(text: str) -> None:
    left = without_loops(text)
    assert loop(left) is None
    assert set(left.replace(",", "").split()) == set(text.replace(",", "").split())
