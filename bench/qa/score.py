"""When an answer counts as right, as cited right, as refused; and which threshold a set of scores asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voiceagent.domain.conversation import Citation
from voiceagent.engine.grounding.wording import NOT_FOUND

_ARTICLES = {"a", "an", "the"}
_DONT_KNOW = re.compile(
    r"\b(?:(?:don't|do not|cannot|can't|unable to|not able to) (?:know|find|answer|tell|say|provide|help)|not sure|no information|unknown|"
    r"does not say|do not say|not (?:mentioned|stated|in (?:the|your) documents))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. said: without the words that name the source."""

    said: str
    citations: tuple[Citation, ...]
    ms: float


def _plain(text: str) -> str:
    return " ".join(word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _ARTICLES)


def holds(said: str, answers: Sequence[str]) -> bool:
    """Whether a gold answer stands in what was said, word for word; letters' case, punctuation and articles do not count."""
    text = f" {_plain(said)} "
    return any(f" {_plain(answer)} " in text for answer in answers)


def refuses(said: str) -> bool:
    """Whether the answer says that it does not know."""
    return NOT_FOUND in said or bool(_DONT_KNOW.search(said.replace("’", "'")))


def chosen(answerable: Sequence[float], off_topic: Sequence[float], near: Sequence[float]) -> float:
    """The threshold, in steps of a hundredth, that keeps most answerable questions and turns away most others: the share kept plus the mean
    of the two shares turned away is highest."""
    steps = [step / 100 for step in range(20, 90)]
    return max(
        steps,
        key=lambda at: below(answerable, at, negate=True) + (below(off_topic, at) + below(near, at)) / 2,
    )


def below(scores: Sequence[float], at: float, *, negate: bool = False) -> float:
    """Share of scores under `at`; with negate, of the others."""
    share = sum(score < at for score in scores) / max(len(scores), 1)
    return 1 - share if negate else share
