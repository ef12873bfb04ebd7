"""Cuts a document's text into chunks that are searched as one. Pure: no I/O, no array library; offsets are exact."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voiceagent.documents.parsed import ParsedDocument, Span

_WORD = re.compile(r"\S+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_SENTENCE_END = re.compile(r"(?:[.!?\u2026][\"'\u201d\u2019)\]]{0,3}\s+|[\u3002\uff01\uff1f]\s*|\n+)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|mr|mrs|ms|dr|prof|st|no|vs|etc|fig|figs|eq|sec|inc|ltd|co|cf|al|e\.g|i\.e|approx|art|vol|pp?|z\.b|u\.a|bzw|nr))\.\s+$",
    re.IGNORECASE,
)
_ABBREVIATION_REACH_CHARS = 16
_LONG_WORD_CHARS = 8


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """How large chunks get, in words. MiniLM reads 256 tokens, about 185 English words (measured on 200 help texts: 1.38 tokens a word)."""

    target_words: int = 150
    max_words: int = 185
    section_words: int = 40  # a heading closes a chunk that has at least this many
    page_words: int = 12  # the end of a page closes a chunk that has at least this many: a citation names the page


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk before it has an id: text is exactly the document's text from start to end; page is where most of it stands."""

    page: int
    start: int
    end: int
    text: str
    heading: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, a table row or a heading: never cut further unless it alone is over the maximum."""

    start: int
    end: int
    words: int
    page: int
    heading: str
    opens_section: bool


def split(document: ParsedDocument, size: ChunkSize | None = None) -> tuple[Piece, ...]:
    """The chunks of `document`, in order, without overlap; together they hold every word of it."""
    size = size or ChunkSize()
    pieces: list[Piece] = []
    held: list[_Unit] = []
    words = 0
    for unit in _units(document, size):
        if held and _must_close(held, words, unit, size):
            pieces.append(_piece(document.text, held))
            held, words = [], 0
        held.append(unit)
        words += unit.words
    if held:
        pieces.append(_piece(document.text, held))
    return tuple(pieces)


def count_words(text: str) -> int:
    """Words as a reader counts them; in scripts without spaces three characters stand for two words."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(text)) + unspaced * 2 // 3


def _weight(text: str) -> int:
    """Words of a unit; what has no spaces, such as a line of dashes or a key, weighs by its length."""
    return max(count_words(text), -(-len(text) // _LONG_WORD_CHARS))


def _must_close(held: list[_Unit], words: int, unit: _Unit, size: ChunkSize) -> bool:
    if words + unit.words > size.max_words or words >= size.target_words:
        return True
    if unit.opens_section and not held[-1].opens_section:
        return words >= size.section_words
    return unit.page != held[-1].page and words >= size.page_words


def _piece(text: str, units: list[_Unit]) -> Piece:
    start, end = units[0].start, units[-1].end
    heading = next((unit.heading for unit in units if not unit.opens_section), units[0].heading)
    words: Counter[int] = Counter()
    for unit in units:
        words[unit.page] += unit.words
    page = max(words, key=lambda number: words[number])  # the words of a title page go with the page after it
    return Piece(page=page, start=start, end=end, text=text[start:end], heading=heading)


def _units(document: ParsedDocument, size: ChunkSize) -> Iterator[_Unit]:
    starts = [page.start for page in document.pages]
    trail: list[tuple[int, str]] = []
    for span in _whole(document):
        is_heading = span.kind == "heading"
        if is_heading:
            trail = [entry for entry in trail if entry[0] < span.level]
            trail.append((span.level, " ".join(document.text[span.start : span.end].split())[:120]))
        heading = " > ".join(title for _, title in trail[-3:])
        for start, end in _bounded(document.text, _sentences(document.text, span), size.max_words):
            index = max(bisect_right(starts, start) - 1, 0)
            page = document.pages[index].number if document.pages else 1
            yield _Unit(start, end, _weight(document.text[start:end]), page, heading, is_heading)


def _whole(document: ParsedDocument) -> Iterator[Span]:
    """The spans in order, and what lies between them as plain text: nothing of a document is left out of the search."""
    position = 0
    for span in sorted(document.spans, key=lambda one: one.start):
        if span.start > position:
            yield Span("text", 0, position, span.start)
        if span.end > position:
            yield Span(span.kind, span.level, max(span.start, position), span.end)
            position = span.end
    if position < len(document.text):
        yield Span("text", 0, position, len(document.text))


def _sentences(text: str, span: Span) -> Iterator[tuple[int, int]]:
    """The sentences of running text and the rows of a table or list, without the white space around them."""
    if span.kind == "heading":
        yield from _trimmed(text, span.start, span.end)
        return
    start = span.start
    for match in _SENTENCE_END.finditer(text, span.start, span.end):
        rows_only = span.kind in ("table", "list") and "\n" not in match.group()
        reach = text[max(start, match.end() - _ABBREVIATION_REACH_CHARS) : match.end()]
        if rows_only or _ABBREVIATION.search(reach):
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, span.end)


def _bounded(text: str, ranges: Iterable[tuple[int, int]], max_words: int) -> Iterator[tuple[int, int]]:
    """The ranges, with those over `max_words` cut between words, and words without an end cut between characters."""
    longest_chars = max_words * _LONG_WORD_CHARS
    for start, end in ranges:
        if end - start <= longest_chars and count_words(text[start:end]) <= max_words:
            yield start, end
            continue
        cut, words = start, 0
        for word_start, word_end in _steps(text, start, end, longest_chars // 4):
            weight = count_words(text[word_start:word_end])
            if words and (words + weight > max_words or word_end - cut > longest_chars):
                yield from _trimmed(text, cut, word_start)
                cut, words = word_start, 0
            words += weight
        yield from _trimmed(text, cut, end)


def _steps(text: str, start: int, end: int, longest_chars: int) -> Iterator[tuple[int, int]]:
    unspaced_step = 60
    for match in _WORD.finditer(text, start, end):
        step = unspaced_step if _UNSPACED.search(match.group()) else longest_chars
        for position in range(match.start(), match.end(), step):
            yield position, min(position + step, match.end())


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end
