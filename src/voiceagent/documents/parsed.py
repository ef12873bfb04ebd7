"""What reading a file gives: its text, the pages and blocks in it, and what the file says about itself. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiceagent.domain.document import Box, Page

SpanKind = Literal["heading", "text", "list", "table"]

PAGE_BREAK = "\n\n"
"""What stands between the texts of two pages in the document's text."""


@dataclass(frozen=True, slots=True)
class Span:
    """A block of the text: start and end are character offsets in the document's text; level counts from 1 for headings, else 0."""

    kind: SpanKind
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The prepared text of a document, page by page and block by block.

    text: every page's text joined with PAGE_BREAK.  properties: title, authors, created, modified as the file claims them.
    hidden: how many hidden things were taken out, by kind (`zero_width`, `bidi`, `tags`, `vanish`, `tiny`, `invisible` ...).
    boxes: where the lines stand, in the order of the text; () for files without pages of their own.
    """

    text: str
    pages: tuple[Page, ...]
    spans: tuple[Span, ...]
    properties: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
