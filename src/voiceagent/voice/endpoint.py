"""How much silence ends a turn, from how the pause sounds and what was said. Pure: numbers and words in, seconds out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Eagerness = Literal["low", "medium", "high", "auto"]

# (end-of-turn probability at least, seconds of silence that are then enough). Measured: see bench/turns/README.md.
_WAITS = ((0.95, 0.28), (0.85, 0.33), (0.7, 0.40), (0.5, 0.55), (0.3, 0.70), (0.1, 0.85), (0.0, 1.40))

UNFINISHED_WAIT_S = 1.40
"""The words cannot end here ("... with", "and", "um")."""
UNFINISHED_TONE, FINISHED_TONE = 0.4, 0.7
"""End-of-turn probabilities below which the tone says so, too, and above which it overrules the words ("where from?")."""
SEARCHING_WAIT_S = 2.60
"""Neither words nor tone end here: the caller searches for a word."""
DICTATION_WAIT_S = 1.20
"""Figures or letters are being read out; people pause between groups."""
QUESTION_WAIT_S = 0.33
"""The recogniser heard a question that stands by itself."""

_LIMITS_S: dict[Eagerness, tuple[float, float, float]] = {
    # factor on the wait, least and most seconds; the most are those of the realtime protocol's semantic_vad (8 / 4 / 2 s)
    "low": (1.6, 0.40, 8.0),
    "medium": (1.0, 0.20, 4.0),
    "auto": (1.0, 0.20, 4.0),
    "high": (0.7, 0.16, 2.0),
}

_UNFINISHED = frozenset(
    "a an and or but because if when while which whose where with without for from of to at by into about the my your his its our "
    "their these those some any every than as be been am does could would should may might must had let's lets i i'm i'd i'll "
    "we they he she it's um uh er erm hmm also plus maybe".split()
)
"""Last words after which an English sentence goes on. Words that often end one ("please", "that", "in") are left out."""

_DICTATION = re.compile(
    r"(?:\b(?:\d+|zero|oh|one|two|three|four|five|six|seven|eight|nine|[a-z])\b[\s,.-]*){3,}$", re.IGNORECASE
)
_WORD = re.compile(r"[a-z']+|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pause:
    """What is known about a pause. probability: of the end-of-turn model, None when it is not used. text: the turn so far."""

    probability: float | None
    text: str


def silence_needed_s(pause: Pause, eagerness: Eagerness = "auto") -> float:
    """Seconds of silence after the last voiced sample that end the turn, given `pause`."""
    factor, least_s, most_s = _LIMITS_S[eagerness]
    probability = 0.5 if pause.probability is None else pause.probability
    return min(max(_wait_s(pause.text, probability) * factor, least_s), most_s)


def is_over(pause: Pause, silence_s: float, eagerness: Eagerness = "auto") -> bool:
    """Whether `silence_s` seconds of silence end the turn."""
    return silence_s >= silence_needed_s(pause, eagerness)


def _wait_for_tone(probability: float) -> float:
    return next(wait_s for least, wait_s in _WAITS if probability >= least)


def _wait_s(text: str, probability: float) -> float:
    wait_s, stripped, words = _wait_for_tone(probability), text.rstrip(), _WORD.findall(text.lower())
    if not words:
        return wait_s
    open_ended = words[-1] in _UNFINISHED or stripped.endswith(("...", "…", ",", "-", "—"))
    asks = stripped.endswith("?") and len(words) >= 3
    if open_ended and not (asks and probability >= FINISHED_TONE):
        return SEARCHING_WAIT_S if probability < UNFINISHED_TONE else max(wait_s, UNFINISHED_WAIT_S)
    if asks:
        return min(wait_s, QUESTION_WAIT_S)
    if _DICTATION.search(stripped.rstrip(".?!")):
        return max(wait_s, DICTATION_WAIT_S)
    return wait_s
