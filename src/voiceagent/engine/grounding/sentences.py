"""The sentences of a passage and where they stand in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(
    r"[.!?…](?:\s?»)?[\"'”’“»)\]]{0,3}(?:\[\d+\])?\s+(?=[\"'“‘„«¿¡(\[]{0,2}[^\Wa-zß-öø-ÿ_])|[。！？]\s*|\n\s*\n|\n(?=\s*(?:[-*•#|]|\d+[.)]))"
)
_SHORT = re.compile(
    r"(?:\b(?:[A-Za-z]|mr|mrs|ms|dr|prof|st|no|vs|etc|figs?|sec|inc|ltd|co|corp|cf|al|approx|vol|pp?|gen|col|lt|jr|sr|rev|hon|"
    r"u\.s|e\.g|i\.e|bzw|usw|ca|nr|abs|ggf|evtl|inkl|zzgl|vgl|str|tel|max|min|z\.\s?b|d\.\s?h|u\.\s?a|mme|mlle|env|sra|sres|dra|ud|uds|"
    r"p\.\s?ej|núm|pág|art|cap))\.\s+$",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"\b\d{1,2}\.\s+$")
_COUNTED = re.compile(
    r"(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Jahrhundert|Quartal|Stock|Etage|Obergeschoss|Woche|Monat|Tag|Kapitel|Auflage)"
)
"""German writes ordinals with a full stop: am 31. März, im 2. Stock."""

_REACH_CHARS = 16
_LEAST_CHARS = 2


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every sentence, list item or row, without the white space around it."""
    start = 0
    for match in _END.finditer(text):
        if "\n" not in match.group() and _goes_on(text, max(start, match.end() - _REACH_CHARS), match.end()):
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the full stop before `end` belongs to a short form or a number."""
    before = text[start:end]
    return bool(_SHORT.search(before) or (_ORDINAL.search(before) and _COUNTED.match(text, end)))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end - start >= _LEAST_CHARS:
        yield start, end
