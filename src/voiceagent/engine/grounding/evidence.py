"""Which sentence of the passages answers a question, and how surely: by its words, those around it, and its meaning. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from voiceagent.domain.document import Passage
from voiceagent.engine.grounding.lines import plain, tellings
from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue
from voiceagent.engine.grounding.words import content, rarity

MEANT = 2
"""Sentences whose meaning is compared with the question's, the best by words. Measured 2026-11-23, 476 questions: from 1 to 4 the right one
is told to 77 or 78 in 100, and each costs the embedding of a sentence, about 12 ms of a core."""

_POINTS_BACK = re.compile(
    r"^(?:it|he|she|they|this|these|those|that|its|his|her|their|such|the latter|in addition|however|also|"
    r"er|sie|es|dies|diese[rsmn]?|dabei|dort|außerdem|jedoch|il|elle|ils|elles|celui-ci|celle-ci|cela|en outre|él|ella|ellos|ellas|"
    r"est[eoa]s?|además)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Features:
    """Of one sentence, each between 0 and 1.

    own: share of the question's words that it holds, rare ones counting more.  near: the same with title, heading, and the sentence
    before when it points back to it.  wide: the same with the whole passage.  pairs: share of the question's neighbouring words that are
    neighbours here.  rank: the passage's score beside the best one's.  meaning: cosine with the question, None when it was not asked for.
    """

    own: float
    near: float
    wide: float
    pairs: float
    rank: float
    meaning: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that may answer. passage: index among the passages; start and end are offsets in that passage's text.  text: what stands
    there.  said: as it is told, a row of a table with the names of its columns."""

    passage: int
    start: int
    end: int
    text: str
    said: str
    features: Features

    @property
    def score(self) -> float:
        """How surely it answers, 0 to 1. Scores with and without meaning are different scales.

        The weights are those of a logistic regression on 220 questions about two long documents, asked of their own document and of the
        other one (measured 2026-11-23), scaled to a sum of 1.
        """
        one = self.features
        if one.meaning is None:
            return 0.12 * one.own + 0.21 * one.near + 0.23 * one.wide + 0.25 * one.pairs + 0.19 * one.rank
        return 0.13 * one.near + 0.14 * one.wide + 0.12 * one.pairs + 0.2 * one.rank + 0.41 * one.meaning

    def meant(self, cosine: float) -> Evidence:
        """The same with its meaning known."""
        return replace(self, features=replace(self.features, meaning=max(cosine, 0.0)))


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: int
    start: int
    end: int
    text: str
    said: str
    stems: tuple[str, ...]


def candidates(question: str, passages: Sequence[Passage], tongue: Tongue = ENGLISH) -> list[Evidence]:
    """Every sentence of the passages, best first as far as words tell. passages: best first, as the search gave them."""
    asked = list(dict.fromkeys(content(question, tongue)))
    texts = [list(_split(index, passage, tongue)) for index, passage in enumerate(passages)]
    weights = rarity((one.stems for text in texts for one in text), asked)
    best = max((passage.score for passage in passages), default=0.0)
    found = [
        Evidence(one.passage, one.start, one.end, one.text, one.said, features)
        for passage, text in zip(passages, texts, strict=True)
        for one, features in _judged(
            asked, weights, set(content(_about(passage), tongue)), text, _rank(passage.score, best)
        )
    ]
    return sorted(found, key=lambda one: one.score, reverse=True)


def _rank(score: float, best: float) -> float:
    return min(max(score / best, 0.0), 1.0) if best > 0 else 0.0


def _about(passage: Passage) -> str:
    return f"{passage.title} {passage.chunk.heading}"


def _split(index: int, passage: Passage, tongue: Tongue) -> Iterator[_Sentence]:
    text = passage.chunk.text
    known = {plain(name) for name in (passage.title, *passage.chunk.heading.split(" > "))}
    for one in tellings(text, known, begins=passage.chunk.start == 0):
        stems = tuple(content(one.said, tongue))
        yield _Sentence(index, one.start, one.end, text[one.start : one.end], one.said, stems)


def _judged(
    asked: Sequence[str], weights: Mapping[str, float], about: set[str], text: Sequence[_Sentence], rank: float
) -> Iterator[tuple[_Sentence, Features]]:
    """about: the words of title and heading."""
    wide = _share(asked, weights, about.union(*(one.stems for one in text)))
    pairs = set(pairwise(asked))
    for at, one in enumerate(text):
        own = set(one.stems)
        near = own | about | (set(text[at - 1].stems) if at and _POINTS_BACK.match(one.said) else set())
        together = pairs.intersection(pairwise(one.stems))
        yield (
            one,
            Features(
                own=_share(asked, weights, own),
                near=_share(asked, weights, near),
                wide=wide,
                pairs=len(together) / len(pairs) if pairs else 0.0,
                rank=rank,
            ),
        )


def _share(asked: Sequence[str], weights: Mapping[str, float], held: set[str]) -> float:
    total = sum(weights[stem] for stem in asked)
    return sum(weights[stem] for stem in asked if stem in held) / total if total else 0.0
