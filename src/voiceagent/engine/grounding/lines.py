"""What of a passage can be told: headings go with what follows them, rows of a table are said with the names of their columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from voiceagent.engine.grounding.sentences import sentences

_HEADING_WORDS = 8
_NAMED_COLUMNS = 3
"""Tables with fewer hold pairs: what it is and how much, without names above them."""

_DIGIT = re.compile(r"\d")
_RULE = re.compile(r"[\s:|-]*")
_NO_HEADING_END = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？")
_BULLETS = ("-", "*", "•", "#", "|")


@dataclass(frozen=True, slots=True)
class Telling:
    """A sentence or row. start and end are offsets in the passage's text; said: as it is told, a heading before it."""

    start: int
    end: int
    said: str


def tellings(text: str, known: Collection[str], *, begins: bool = True) -> Iterator[Telling]:
    """Everything in `text` that may be told. known: title and headings, which alone answer nothing, as `plain` gives them.

    begins: whether a table that starts with the text is known to start there, too.
    """
    table = _Table(has_names=False)
    heading: tuple[int, int] | None = None
    for start, end in sentences(text):
        line = text[start:end]
        if line.startswith("|") and line.endswith("|"):
            if not table.rows:
                table = _Table(has_names=begins or start > 0)
            said, heading = table.said(line), None
            if said:
                yield Telling(start, end, said)
            continue
        table = _Table(has_names=False)
        if plain(line) in known:
            heading = None
        elif _is_heading(text, start, end):
            heading = (start, end)
        elif heading is not None:
            yield Telling(heading[0], end, f"{_calm(text[slice(*heading)])}: {line}")
            heading = None
        else:
            yield Telling(start, end, line)
    if heading is not None:
        yield Telling(*heading, text[slice(*heading)])


def plain(text: str) -> str:
    """The words of a heading, by which it is known again."""
    return " ".join(re.findall(r"\w+", text.lower().replace("_", " ")))


class _Table:
    """Rows as they come. has_names: its first full row may hold the names of the columns."""

    def __init__(self, *, has_names: bool) -> None:
        self.rows = 0
        self._may_have_names = has_names
        self._names: list[str] = []

    def said(self, row: str) -> str:
        """The row in words; "" for one that only names things."""
        cells = [" ".join(cell.split()) for cell in row[1:-1].split("|")]
        filled = [cell for cell in cells if cell]
        self.rows += 1
        if _RULE.fullmatch(row) or (len(filled) < len(cells) and len(filled) < 2 and not self._names):
            return ""
        if self._may_have_names:
            self._may_have_names = False
            if len(filled) >= _NAMED_COLUMNS and not any(map(_DIGIT.search, filled)):
                self._names = cells
                return ""
        if len(self._names) == len(cells):
            named = zip(self._names, cells, strict=True)
            return ", ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)
        return (": " if len(cells) < _NAMED_COLUMNS else ", ").join(filled)


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether it is a few words without an end, alone between two line ends."""
    line = text[start:end]
    stands_alone = text[max(start - 1, 0) : start] in ("", "\n") and text[end : end + 1] == "\n"
    return (
        stands_alone
        and len(line.split()) <= _HEADING_WORDS
        and not line.startswith(_BULLETS)
        and not line.endswith(_NO_HEADING_END)
        and not _DIGIT.search(line)
    )


def _calm(heading: str) -> str:
    line = " ".join(heading.split())
    return line.capitalize() if line.isupper() else line
