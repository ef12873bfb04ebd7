"""A spoken answer ends with a sentence, and does not run in circles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceagent.engine.brevity import SpokenLimit


def heard(text: str, soft_words: int, step: int = 1) -> tuple[str, bool]:
    limit = SpokenLimit(soft_words)
    said = "".join(limit.feed(text[at : at + step]) for at in range(0, len(text), step))
    return said, limit.over


def test_it_ends_with_the_sentence_in_which_the_limit_is_passed() -> None:
    assert heard("One two three. Four five six. Seven.", 4) == ("One two three. Four five six.", True)
    assert heard("One two three. Four", 4) == ("One two three. Four", False)


def test_a_sentence_said_again_is_the_end() -> None:
    text = "I am a friend. I am not a doctor. I am a friend. I am not a doctor. I am"
    assert heard(text, 1000) == ("I am a friend. I am not a doctor. I am a friend.", True)


def test_lines_count_as_sentences_and_words_without_an_end_are_cut() -> None:
    assert heard("One two three\nFour five six\nSeven", 4) == ("One two three\nFour five six", True)
    assert heard("a b c d e f g h i j ", 3) == ("a b c d e f", True)


def test_short_words_may_come_again_and_points_in_numbers_end_nothing() -> None:
    assert heard("Yes. Yes. It costs 3.50 or 4.50 in all. ", 7)[0] == "Yes. Yes. It costs 3.50 or 4.50 in all."


@given(st.text(alphabet="ab .!?\n", max_size=80), st.integers(1, 10), st.integers(1, 9))
def test_cuts_between_deltas_change_nothing_and_only_the_end_is_missing(text: str, soft: int, step: int) -> None:
    said, over = heard(text, soft, step)
    assert (said, over) == heard(text, soft)
    assert text.startswith(said)
    assert over or said == text
