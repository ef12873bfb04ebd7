"""Passages that say almost the same as a better one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voiceagent.domain.document import Passage

_ALIKE = 0.8
"""Share of the shorter one's word triples that stand in the other one too."""

_LIKE_SIZE = 0.6
"""A shorter text inside a much longer one is not its double: it may be the better answer."""

_SHINGLE_WORDS = 3
_WORD = re.compile(r"\w+")

_Shingles = frozenset[tuple[str, ...]]


def without_duplicates(passages: Iterable[Passage]) -> list[Passage]:
    """The passages in their order, without those that repeat a better one: the same file twice, another edition, a copied paragraph."""
    kept: list[Passage] = []
    known: list[_Shingles] = []
    for passage in passages:
        own = _shingles(passage.chunk.text)
        if any(_repeats(own, other) for other in known):
            continue
        kept.append(passage)
        known.append(own)
    return kept


def _repeats(one: _Shingles, other: _Shingles) -> bool:
    shorter, longer = sorted((len(one), len(other)))
    return shorter >= _LIKE_SIZE * longer and len(one & other) >= _ALIKE * shorter


def _shingles(text: str) -> _Shingles:
    words = _WORD.findall(text.lower())
    size = min(_SHINGLE_WORDS, max(len(words), 1))
    return frozenset(tuple(words[at : at + size]) for at in range(max(len(words) - size + 1, 1)))
