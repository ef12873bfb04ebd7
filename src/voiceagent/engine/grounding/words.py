"""Words of questions and texts as they are compared: folded, without endings, without those that say nothing. English endings. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’][^\W_]+)?")

STOP_WORDS = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both but by can could did do does "
    "doing down during each else ever few for from further had has have having he her here hers him his how i if in into is it its just let "
    "many may me might more most much must my name new no nor not now of off on once one only or other our out over own per please same shall "
    "she should so some such tell than that the their them then there these they this those through to too under until up upon us used use very "
    "was we were what whats when where which while who whom whose why will with would you your call called kind kinds type types".split()
)

_ENDINGS = tuple(
    "ations ation ements ement ingly edly ings ions ness ing ion ies ied ers est ment ed es er ly s e y".split()
)
_LEAST_STEM = 3


def words(text: str) -> list[str]:
    """Every word of `text`, lower case, compatibility forms and accents folded, without 's."""
    folded = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return [_whole(match) for match in _WORD.findall(plain)]


def stem(word: str) -> str:
    """`word` without its ending, so that forms of one word compare equal; numbers stay as they are."""
    if word[0].isdigit():
        return word.replace(",", "")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return _undoubled(word[: -len(ending)])
    return word


def content(text: str) -> list[str]:
    """The stems of the words that say something, in order."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def rarity(texts: Iterable[Iterable[str]], wanted: Iterable[str]) -> Mapping[str, float]:
    """How telling each wanted stem is, by how few of `texts` (as stems) hold it; one that none holds is the most telling."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        counts.update(set(text))
        total += 1
    return {word: math.log(1 + (total + 0.5) / (counts[word] + 0.5)) for word in wanted}


def _whole(word: str) -> str:
    for mark in ("'s", "’s"):
        word = word.removesuffix(mark)
    return word.replace("’", "").replace("'", "")


def _undoubled(word: str) -> str:
    """`stopp` and `stop` are the same."""
    doubled = len(word) > _LEAST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if doubled else word
