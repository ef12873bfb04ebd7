"""The word lists beside this file, read once: names, English words, places, small words of other languages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "er", "r", "est")
_ENDINGS_OF_E = frozenset(("ing", "ed", "er", "est"))


@cache
def words(name: str) -> frozenset[str]:
    """The words of words/NAME.txt, in lower case."""
    return frozenset((files(__package__) / "words" / f"{name}.txt").read_text(encoding="utf-8").split())


@cache
def first_names() -> frozenset[str]:
    """First names of many countries."""
    return words("first_us") | words("first_world")


@cache
def last_names() -> frozenset[str]:
    """Surnames of many countries; particles such as `van` are in it, and no surname alone."""
    return words("last_us") | words("last_world")


def is_place(word: str) -> bool:
    """Countries, cities, days, months, languages, brands: capitalised, and nobody."""
    return word in words("places")


def is_small_word(word: str) -> bool:
    """An article, pronoun, greeting or the like of German, French, Spanish, Italian, Portuguese or Dutch."""
    return word in words("foreign")


def is_english(word: str) -> bool:
    """Whether an English word or an inflected form of one."""
    english = words("english")
    if word in english:
        return True
    if "-" in word:
        return all(part in english for part in word.split("-"))
    for ending in _ENDINGS:
        stem = word[: -len(ending)]
        if word.endswith(ending) and len(stem) >= 3:
            if stem in english or (ending in _ENDINGS_OF_E and stem + "e" in english):
                return True
            if ending in _ENDINGS_OF_E and stem[-1] == stem[-2] and stem[:-1] in english:
                return True
    return word.endswith("ies") and word[:-3] + "y" in english
