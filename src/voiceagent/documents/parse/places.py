"""Finds the lines of a block in its prepared text, so that characters have a place on the page. Knows no file format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from voiceagent.documents.parse.blocks import Block, Placed
from voiceagent.documents.parse.clean import clean

_CUT_MARKS = "-\u2010\u00ad\x02\ufffe"
_SLACK_CHARS = 8

Box = tuple[int, int, float, float, float, float]
"""start and end in the page's text; left, upper, right and lower edge in points."""


def boxes_of(block: Block, text: str, offset: int) -> list[Box]:
    """The boxes of the block's lines. text: the block as it was prepared, which stands at `offset` in the page's text."""
    ranges = _rows(text, block.lines) if block.kind == "table" else _lines(text, block.lines)
    return [
        (offset + start, offset + end, round(line.x0, 1), round(line.y0, 1), round(line.x1, 1), round(line.y1, 1))
        for line, start, end in ranges
        if start < end
    ]


def _rows(text: str, lines: tuple[Placed, ...]) -> Iterator[tuple[Placed, int, int]]:
    """A table has a line of text a row, as long as cleaning has left every row."""
    rows = text.split("\n")
    if len(rows) != len(lines):
        return
    start = 0
    for row, line in zip(rows, lines, strict=True):
        yield line, start, start + len(row)
        start += len(row) + 1


def _lines(text: str, lines: tuple[Placed, ...]) -> Iterator[tuple[Placed, int, int]]:
    """Each line is looked for just behind the one before it; those that cleaning has changed share what lies between their neighbours."""
    position, missed, missed_chars = 0, list[Placed](), 0
    for line in lines:
        part = line.text.strip().rstrip(_CUT_MARKS)
        reach = position + missed_chars + len(part) + _SLACK_CHARS
        start = text.find(part, position, reach)
        if start < 0:
            part = clean(part, Counter())
            start = text.find(part, position, reach)
        if start < 0 or not part:
            missed.append(line)
            missed_chars += len(line.text) + _SLACK_CHARS
            continue
        if missed:
            yield from _shared(missed, position, start)
            missed, missed_chars = [], 0
        position = start + len(part)
        yield line, start, position
    yield from _shared(missed, position, len(text))


def _shared(lines: list[Placed], start: int, end: int) -> Iterator[tuple[Placed, int, int]]:
    total = sum(len(line.text) for line in lines)
    position = 0
    for line in lines:
        first = start + (end - start) * position // max(total, 1)
        position += len(line.text)
        yield line, first, start + (end - start) * position // max(total, 1)
