"""What a reader yields, and how a file can fail to be read. The words between the readers and the child's main module."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

BlockKind = Literal["heading", "text", "list", "table"]

_CPU_S, _CPU_S_A_MIB = 8, 4
"""Measured on 105 real files: all but one need under 0.6 s, 1,200 pages in 35 KiB need 1.5 to 3.5 s."""


class ReadFailure(Exception):
    """The file cannot be read. code: stable, snake_case; message: for people, without anything from the file."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Placed(NamedTuple):
    """A line of a block and where it stands: points from the upper left corner of the page. text: "" for a row of a table."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list or table as it stands in the file, not yet cleaned. level: 1 and up for headings, else 0.

    lines: where its lines stand, in their order; () when the file does not say.
    """

    kind: BlockKind
    text: str
    level: int = 0
    lines: tuple[Placed, ...] = ()


class PageBlocks(list[Block]):
    """The blocks of a page that has a size: width and height in points as it is shown."""

    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may use. Source: the platform's promise for document parsing (promise IN8).

    cpu_s: for large files; small ones get less.  wall_s: below the 30 s that are promised from upload to outcome, so that waiting, starting and
    telling fit in too.
    """

    memory_bytes: int = 512 * 1024 * 1024
    cpu_s: int = 20
    wall_s: float = 25.0
    open_files: int = 64
    text_bytes: int = 10 * 1024 * 1024
    pages: int = 5_000

    def of_file(self, size_bytes: int) -> Limits:
        """The limits of a file of this size: an endless small one does not take the processors from others for as long as a large one may."""
        return replace(self, cpu_s=min(self.cpu_s, _CPU_S + _CPU_S_A_MIB * size_bytes // 2**20))


@dataclass(slots=True)
class Task:
    """One file to read. ocr: path of the recogniser of scanned pages, "" for none. The reader adds to properties and hidden."""

    data: bytes
    password: str = ""
    ocr: str = ""
    limits: Limits = field(default_factory=Limits)
    properties: dict[str, str] = field(default_factory=dict)
    hidden: Counter[str] = field(default_factory=Counter)
    started_s: float = field(default_factory=time.monotonic)


class Reader(Protocol):
    """The function `read` of every reader module."""

    def __call__(self, task: Task) -> Iterator[list[Block]]:
        """The blocks of each page in reading order. Raises ReadFailure; anything else it raises means a damaged file."""
        ...


def table_text(rows: list[list[str]]) -> str:
    """Rows as lines `| a | b |`; cells keep their column, line breaks inside a cell become spaces."""
    width = max((len(row) for row in rows), default=0)
    lines = []
    for row in rows:
        cells = [" ".join(cell.replace("|", "/").split()) for cell in row] + [""] * (width - len(row))
        if any(cells):
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
