"""Where personal data is heard: intervals of a recording, from recognised words with their times."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from voiceagent.domain.audio import Word
from voiceagent.domain.pii.find import find
from voiceagent.domain.pii.spans import Kind

PADDING_S = 0.08
"""Word times of the recogniser are good to a few hundredths; a sliver of a digit gives it away."""
_NUMBER_FIGURES = 7
"""Recognisers group the figures of a number that was said as they like ("848073 427 4"): so many in words that follow each other are one."""
_FIGURES = re.compile(r"[(+]*+\d++(?:[-./]\d++)*+[),.;:?!]*+")


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds from the start of the audio that the words came from."""

    start_s: float
    end_s: float
    kinds: tuple[Kind, ...]


def words_to_bleep(
    words: Sequence[Word], *, kinds: Collection[Kind] | None = None, padding_s: float = PADDING_S
) -> tuple[Interval, ...]:
    """The intervals to silence, in order, none touching another: every word that personal data lies in, `padding_s` around it."""
    places: list[tuple[int, int]] = []
    text = ""
    for word in words:
        text += " " if text else ""
        stripped = word.text.strip()
        places.append((len(text), len(text) + len(stripped)))
        text += stripped
    intervals: list[Interval] = []
    for span in find(text, kinds=kinds):
        heard = [
            word for word, (start, end) in zip(words, places, strict=True) if start < span.end and end > span.start
        ]
        if heard:
            start_s = max(0.0, min(word.start_s for word in heard) - padding_s)
            intervals.append(Interval(start_s, max(word.end_s for word in heard) + padding_s, (span.kind,)))
    if kinds is None:
        intervals += _numbers(words, padding_s)
    return _merged(intervals)


def _numbers(words: Sequence[Word], padding_s: float) -> list[Interval]:
    """Figures in words that follow each other, whatever they are: too much is silenced rather than too little."""
    found = []
    for is_number, run in groupby(words, key=lambda word: _FIGURES.fullmatch(word.text.strip()) is not None):
        heard = list(run)
        if is_number and sum(c.isdigit() for word in heard for c in word.text) >= _NUMBER_FIGURES:
            found.append(Interval(max(0.0, heard[0].start_s - padding_s), heard[-1].end_s + padding_s, ()))
    return found


def _merged(intervals: list[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda one: one.start_s):
        if merged and interval.start_s <= merged[-1].end_s:
            last = merged[-1]
            kinds = tuple(dict.fromkeys((*last.kinds, *interval.kinds)))
            merged[-1] = Interval(last.start_s, max(last.end_s, interval.end_s), kinds)
        else:
            merged.append(interval)
    return tuple(merged)
