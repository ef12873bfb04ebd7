"""Puts together what a reading child tells, and says how a file can fail to be read. Starts no process."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from math import isfinite
from typing import Any

from voiceagent.documents.parsed import PAGE_BREAK, ParsedDocument, Span
from voiceagent.domain.document import Box, Page
from voiceagent.kit.errors import InvalidInput


class ParseFailed(InvalidInput):
    """The file cannot be read; `code` is one of docs/errors.md's document codes and stays with the document."""

    status = 422


class ReaderStarved(ParseFailed):
    """Time is over, but the machine was too busy to read: nothing is known about the file, another time may do."""


class Collector:
    """Puts the child's lines together. Trusts none of them: sizes are counted again and offsets made here."""

    def __init__(self, text_bytes: int) -> None:
        self._left_chars = text_bytes
        self._pages: list[Page] = []
        self._spans: list[Span] = []
        self._boxes: list[Box] = []
        self._position = 0
        self._end: dict[str, Any] | None = None
        self._failure: tuple[str, str] | None = None
        self.jail: dict[str, bool] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the child has said how it ended."""
        return self._end is not None or self._failure is not None

    def add(self, told: bytes) -> None:
        """One line. Raises ParseFailed `parser_crashed` for one that no reader of ours writes, `too_much_text`."""
        try:
            self._add(json.loads(told))
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:  # a child taken over
            raise broken() from error

    def _add(self, line: dict[str, Any]) -> None:
        if "page" in line:
            self._add_page(line)
        elif "end" in line:
            self._end = line["end"]
        elif "failure" in line:
            self._failure = (str(line["failure"])[:64], str(line["message"])[:300])
        elif "jail" in line:
            self.jail = dict(line["jail"])

    def _add_page(self, line: dict[str, Any]) -> None:
        text = str(line["text"])
        self._left_chars -= len(text)
        if self._left_chars < 0:
            raise ParseFailed("too_much_text", "the document holds more text than one document may")
        start = self._position
        number = int(line["page"])
        width, height = _finite(line.get("size", (0.0, 0.0)))
        self._pages.append(Page(number, text, start, width, height))
        for kind, level, span_start, span_end in line["spans"]:
            if kind in ("heading", "text", "list", "table") and 0 <= span_start <= span_end <= len(text):
                self._spans.append(Span(kind, int(level), start + span_start, start + span_end))
        for first, last, *edges in line.get("boxes", ()):
            if 0 <= first < last <= len(text):
                x0, y0, x1, y1 = _finite(edges)
                self._boxes.append(Box(number, start + first, start + last, x0, y0, x1, y1))
        self._position += len(text) + len(PAGE_BREAK)

    def document(self, exit_code: int) -> ParsedDocument:
        """What was told. exit_code: minus the signal that ended the child. Raises ParseFailed when it broke off or says so."""
        if self._failure is not None:
            raise ParseFailed(*self._failure)
        if self._end is None:
            raise _death(exit_code)
        properties = {str(name)[:64]: str(value)[:500] for name, value in dict(self._end["properties"]).items()}
        hidden = {str(kind)[:64]: int(count) for kind, count in dict(self._end["hidden"]).items()}
        text = PAGE_BREAK.join(page.text for page in self._pages)
        return ParsedDocument(text, tuple(self._pages), tuple(self._spans), properties, hidden, tuple(self._boxes))


def _finite(values: Sequence[Any]) -> Sequence[float]:
    """Numbers that JSON can tell again. Raises ValueError or TypeError for others."""
    if not all(map(isfinite, values)):
        raise ValueError("not a finite number")
    return values


def broken() -> ParseFailed:
    return ParseFailed("parser_crashed", "the reader of the file broke down")


def _death(exit_code: int) -> ParseFailed:
    if -exit_code in (signal.SIGXCPU, signal.SIGKILL):
        return ParseFailed("time_limit", "the file takes too long to read")
    return broken()
