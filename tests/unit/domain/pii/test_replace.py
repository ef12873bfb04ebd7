"""Replacing: nothing found is left, pseudonyms are the same for one value and key, and the mapping brings every letter back."""

from __future__ import annotations

import json

import pytest

from voiceagent.domain.audio import Word
from voiceagent.domain.pii.bleep import words_to_bleep
from voiceagent.domain.pii.replace import TOKEN, pseudonym, replace, restore

KEY = b"k" * 32
CARD = "four one one one, one one one one, one one one one, one one one one"


def test_masks_say_the_kind() -> None:
    replaced = replace("Anna Kowalska, anna@example.com")
    assert replaced.text == "[person], [email]"
    assert replaced.originals == ()


def test_a_value_has_one_pseudonym_however_it_is_written_or_said() -> None:
    written = replace("my card 4111 1111 1111 1111", "pseudonym", key=KEY)
    said = replace(f"my card {CARD}", "pseudonym", key=KEY)
    assert written.text == said.text
    assert written.originals[0][0] == said.originals[0][0]


def test_another_key_gives_another_pseudonym() -> None:
    assert pseudonym("card", "4111111111111111", KEY) != pseudonym("card", "4111111111111111", b"x" * 32)
    assert pseudonym("card", "4111111111111111", KEY) != pseudonym("iban", "4111111111111111", KEY)


def test_pseudonyms_are_no_personal_data_themselves() -> None:
    name = pseudonym("phone", "+4930901820", KEY)
    assert TOKEN.fullmatch(name)
    assert not any(char.isdecimal() for char in name)
    assert replace(f"call {name} now", "pseudonym", key=KEY).spans == ()


def test_two_writings_of_one_value_come_back_as_they_stood() -> None:
    text = f"4111 1111 1111 1111, that is {CARD}, yes 4111 1111 1111 1111."
    replaced = replace(text, "pseudonym", key=KEY)
    assert "4111" not in replaced.text and "four" not in replaced.text
    assert len(replaced.originals) == 2
    assert restore(replaced.text, replaced.originals) == text


def test_a_found_value_is_replaced_wherever_it_stands() -> None:
    replaced = replace("my name is Ilse. ilse? Ilse! The Ilsebill stays", "mask")
    assert replaced.text == "my name is [person]. ilse? [person]! The Ilsebill stays"


def test_a_pseudonym_that_already_stands_in_the_text_is_not_given_again() -> None:
    name = pseudonym("email", "a@example.com", KEY)
    text = f"{name} and a@example.com"
    replaced = replace(text, "pseudonym", key=KEY)
    assert replaced.text != f"{name} and {name}"
    assert restore(replaced.text, replaced.originals) == text


def test_unknown_pseudonyms_stay() -> None:
    assert restore("[card:bcdfghjklm] [card] [x]", {}) == "[card:bcdfghjklm] [card] [x]"


def test_restored_values_can_be_escaped_for_where_they_go() -> None:
    replaced = replace('{"to": "a@example.com"}', "pseudonym", key=KEY)
    original = {name: 'say "hi"' for name, _ in replaced.originals}
    assert json.loads(restore(replaced.text, original, escape=lambda text: json.dumps(text)[1:-1])) == {
        "to": 'say "hi"'
    }


def test_pseudonyms_need_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        replace("x", "pseudonym")


def words(text: str) -> tuple[Word, ...]:
    """Half a second a word."""
    return tuple(Word(f" {word}", place / 2, place / 2 + 0.4) for place, word in enumerate(text.split()))


def test_said_figures_are_bleeped_by_their_word_times() -> None:
    (interval,) = words_to_bleep(words(f"my card is {CARD} okay"), padding_s=0.05)
    assert interval.kinds == ("card",)
    assert interval.start_s == pytest.approx(1.5 - 0.05)
    assert interval.end_s == pytest.approx(3 / 2 + 15 / 2 + 0.4 + 0.05)


def test_neighbouring_intervals_become_one() -> None:
    (interval,) = words_to_bleep(words("Anna Kowalska anna@example.com said"), padding_s=0.2)
    assert interval.kinds == ("person", "email")
    assert (interval.start_s, interval.end_s) == (0.0, pytest.approx(1.6))


def test_nothing_personal_nothing_bleeped() -> None:
    assert words_to_bleep(words("what is the weather like")) == ()
    assert words_to_bleep(()) == ()
