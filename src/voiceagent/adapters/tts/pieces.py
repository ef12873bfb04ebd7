"""Cuts text into pieces that are synthesised one by one: sentences, and clauses of long sentences. Pure; nothing is lost or added."""

from __future__ import annotations

import re

FIRST_CHARS = 60
"""The first piece is short, so that its sound comes soon; the following are made while it plays."""
LATER_CHARS = 120
HARD_CHARS = 200
_SHORTEST_CLAUSE_CHARS = 12

_SENTENCE = re.compile(r"[.!?…]{1,8}[\"”’')\]]{0,4}[ \t]+|\n\s*|[。！？]+")
_CLAUSE = re.compile(r"[,;:—–)]{1,4}[ \t]+")
_TITLES = frozenset(
    "Mr Mrs Ms Dr St Prof Sr Jr Gen Sen Rep Lt Col Capt No Nos Fig Vol vs approx e.g i.e cf ca Mt".split()
)


def pieces(text: str) -> list[str]:
    """Pieces of at most 200 characters; joined they are exactly `text`. Blank text gives no piece."""
    if not text.strip():
        return []
    result: list[str] = []
    for sentence in _sentences(text):
        rest = sentence
        while (end := _cut(rest, LATER_CHARS if result else FIRST_CHARS)) < len(rest):
            result.append(rest[:end])
            rest = rest[end:]
        result.append(rest)
    return _without_blanks(result)


def _sentences(text: str) -> list[str]:
    found, start = [], 0
    for match in _SENTENCE.finditer(text):
        if match.end() < len(text) and _ends_sentence(text, start, match):
            found.append(text[start : match.end()])
            start = match.end()
    return [*found, text[start:]]


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    """False for the full stop of a title or an initial, and before a small letter."""
    if match.group()[0] != ".":
        return True
    word = text[max(start, match.start() - 12) : match.start()].rpartition(" ")[2].lstrip("(\"“'‘")
    initial = len(word) == 1 and word.isupper() and word != "I"
    return not (word in _TITLES or initial or text[match.end()].islower())


def _cut(sentence: str, aim_chars: int) -> int:
    """Where the first piece of `sentence` ends: all of it, the last clause within the aim, the first after it, or a space."""
    if len(sentence) <= aim_chars:
        return len(sentence)
    ends = [m.end() for m in _CLAUSE.finditer(sentence, 0, HARD_CHARS) if m.end() >= _SHORTEST_CLAUSE_CHARS]
    within = [end for end in ends if end <= aim_chars]
    if within:
        return within[-1]
    if ends:
        return ends[0]
    if len(sentence) <= HARD_CHARS:
        return len(sentence)
    space = sentence.rfind(" ", 0, HARD_CHARS) + 1
    return space or HARD_CHARS


def _without_blanks(parts: list[str]) -> list[str]:
    """Blank parts joined to the part before them, or to the one after when there is none."""
    result: list[str] = []
    lead = ""
    for part in parts:
        if part.strip():
            result.append(lead + part)
            lead = ""
        elif result:
            result[-1] += part
        else:
            lead += part
    return result
