"""Words of questions and texts as they are compared: folded, without endings, without those that say nothing. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’][^\W_]+)?")

_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\w{2})")
"""French says l'heure and d'accord: the word is what follows."""

_LEAST_STEM = 3


def words(text: str) -> list[str]:
    """Every word of `text`, lower case, compatibility forms and accents folded, without 's."""
    folded = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return [_whole(match) for match in _WORD.findall(plain)]


def stem(word: str, tongue: Tongue = ENGLISH) -> str:
    """`word` without its ending, so that forms of one word compare equal; numbers stay as they are."""
    if word[0].isdigit():
        return word.replace(",", "")
    for ending in tongue.endings:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return _undoubled(word[: -len(ending)])
    return word


def content(text: str, tongue: Tongue = ENGLISH) -> list[str]:
    """The stems of the words that say something, in order."""
    return [stem(word, tongue) for word in words(text) if word not in tongue.empty]


def rarity(texts: Iterable[Iterable[str]], wanted: Iterable[str]) -> Mapping[str, float]:
    """How telling each wanted stem is, by how few of `texts` (as stems) hold it; one that none holds is the most telling."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        counts.update(set(text))
        total += 1
    return {word: math.log(1 + (total + 0.5) / (counts[word] + 0.5)) for word in wanted}


def _whole(word: str) -> str:
    word = _ELIDED.sub("", word)
    for mark in ("'s", "’s"):
        word = word.removesuffix(mark)
    return word.replace("’", "").replace("'", "")


def _undoubled(word: str) -> str:
    """`stopp` and `stop` are the same."""
    doubled = len(word) > _LEAST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if doubled else word
