"""Any text: nothing crashes, spans lie in it, replacing leaves none of what was found, and restoring gives the text back."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.domain import pii
from voiceagent.domain.audio import Word
from voiceagent.domain.pii.bleep import words_to_bleep
from voiceagent.domain.pii.find import find
from voiceagent.domain.pii.replace import TOKEN, replace, restore
from voiceagent.domain.pii.spans import settled
from voiceagent.domain.pii.spoken.rewrites import read

KEY = b"p" * 32
PIECES = st.sampled_from(
    (
        "four one one one ", "one " * 12, "double five ", "oh seven nine ", "null zwo ", "quatre-vingt-dix ", "ventuno ",
        "cuarenta y dos ", "hundred ",
        "thousand and ", "dot ", " at ", "arroba ", "punto ", "underscore ", "com", "uk ", "4111 1111 1111 1111", "4111-1111", "DE89 3704 0044 0532 0130 00",
        "D E ", "a@b.co", "@", "john.smith@example.com ", "+49 30 901820 ", "(415) 555-2671", "123-45-6789 ", "10.0.0.1", "fe80::1", "::", "0x", "my name is ",
        "Anna ", "anna ", "Kowalska", "van der Berg ", "Mr. ", "I'm ", "12 Baker Street, ", "Apt. 3 ", "Hauptstraße 12 ", "10115 Berlin", "born ",
        "3. Mai 1980",
        "passport ", "C01X00T47 ", "card ", "phone ", "account number ", "[card:bcdfghjklm]", "[person]", "https://u:p@h/",
        "?key=abcd1234", "\n", ", ", ". ", "'s ", "\u0130", "ß",
        "١٢٣٤٥٦٧٨٩٠ ", "²", "\u202f", "\ud800", "👍", "\x00",
    )
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=24).map("".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.start < span.end <= len(text) and 0 < span.score <= 1 and span.value for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert settled(spans) == spans


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_replacing_leaves_nothing_that_was_found_and_restoring_brings_all_back(text: str) -> None:
    replaced = replace(text, "pseudonym", key=KEY)
    assert restore(replaced.text, replaced.originals) == text
    known = {name for name, _ in replaced.originals}
    left = TOKEN.sub(lambda found: "\0" if found.group() in known else found.group(), replaced.text)
    for span in replaced.spans:
        value = text[span.start : span.end]
        assert not re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", left)


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_the_view_leads_back(text: str) -> None:
    view = read(text)
    assert len(view.text) == len(view.lower)
    for start in range(0, len(view.text), 3):
        span = view.span("phone", start, start + 1, 1.0)
        assert 0 <= span.start < span.end <= len(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_bleeps_lie_within_the_words_and_apart(texts: list[str]) -> None:
    words = tuple(Word(text, float(place), place + 0.9) for place, text in enumerate(texts))
    intervals = words_to_bleep(words, padding_s=0.05)
    assert all(0 <= one.start_s < one.end_s <= len(words) for one in intervals)
    assert all(before.end_s < after.start_s for before, after in pairwise(intervals))


def test_every_repetition_is_bounded_or_possessive() -> None:
    """What makes a search take longer than the text is long is a repetition without a bound that can be given back."""
    loose = re.compile(r"(?<!\\)(?:[*]|(?<![+*?}])\+|\{\d+,\})(?![+])")
    patterns = [
        (module.name, name, value.pattern)
        for module in pkgutil.walk_packages(pii.__path__, f"{pii.__name__}.")
        for name, value in vars(import_module(module.name)).items()
        if isinstance(value, re.Pattern)
    ]
    assert len(patterns) > 30
    unbounded = [
        entry for entry in patterns if loose.search(re.sub(r"\[(?:\\.|[^\]\\])*\]", "[]", entry[2].replace("\\+", "")))
    ]
    assert unbounded == []
