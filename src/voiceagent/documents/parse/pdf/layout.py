"""From lines on a page to blocks in reading order: columns, tables, headings, paragraphs. Works on boxes and text, knows no PDF."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from voiceagent.documents.parse.blocks import Block, PageBlocks, Placed, table_text

_BULLET = re.compile(r"(?:[\u2022\u25cf\u25aa\u25e6\u2023\u2043\uf0b7\u00b7\u2013*-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+")
_DIGITS = re.compile(r"\d+")
_LINE_HYPHEN = re.compile(r"([^\W\d_])[-\u2010]\n([^\W\d_])")
_SOFT_HYPHEN = re.compile("[\x02\ufffe\u00ad]\n?")

_MARGIN_SHARE = 0.11
_MARGIN_LINES = 3
_REPEATED_PAGES = 3
_REPEATED_SHARE = 0.3
_HEADING_RATIOS = ((1.6, 1), (1.3, 2), (1.12, 3))
_HEADING_CHARS = 160
_CELL_WORDS = 4.0
_LOOSE_CELL_WORDS = 2.0
_TABLE_ROWS = 3
_DISORDER_SHARE = 0.15
_COLUMN_LINES = 8
_COLUMN_SHARE = 0.3
_SAME_START = 2.0


@dataclass(slots=True)
class Cell:
    """A piece of a line that stands apart: text between x0 and x1, in points from the left edge."""

    text: str
    x0: float
    x1: float


@dataclass(slots=True)
class Line:
    """A line of text. top and bottom in points from the upper edge of the page; size in points; cells when it has wide gaps."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool = False
    cells: list[Cell] = field(default_factory=list)

    @property
    def height(self) -> float:
        return max(self.bottom - self.top, 1.0)


@dataclass(slots=True)
class PageLines:
    """The lines of a page in the order of the file, and the page's size in points."""

    lines: list[Line]
    width: float
    height: float


def without_repeated_margins(pages: list[PageLines]) -> int:
    """Takes running headers and footers out of `pages` but for the first time that each stands there; returns how many lines went.

    Digits count as alike, so page numbers go too.
    """
    counts: Counter[tuple[str, int]] = Counter()
    for page in pages:
        counts.update({_margin_key(line) for line in _margin_lines(page)})
    enough = max(_REPEATED_PAGES, int(len(pages) * _REPEATED_SHARE))
    removed = 0
    seen: set[tuple[str, int]] = set()
    for page in pages:
        repeated = [(line, _margin_key(line)) for line in _margin_lines(page) if counts[_margin_key(line)] >= enough]
        gone = {id(line) for line, key in repeated if key in seen}
        seen.update(key for _, key in repeated)
        if gone:
            page.lines = [line for line in page.lines if id(line) not in gone]
            removed += len(gone)
    return removed


def _margin_lines(page: PageLines) -> list[Line]:
    limit = page.height * _MARGIN_SHARE
    upper = sorted((line for line in page.lines if line.bottom <= limit), key=lambda line: line.top)
    lower = sorted((line for line in page.lines if line.top >= page.height - limit), key=lambda line: -line.top)
    return upper[:_MARGIN_LINES] + lower[:_MARGIN_LINES]


def _margin_key(line: Line) -> tuple[str, int]:
    return _DIGITS.sub("#", line.text.strip().lower())[:80], round(line.top / 6)


def body_size(pages: list[PageLines]) -> float:
    """The size that most characters of the document have, in points."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=10.0)


def blocks_of(page: PageLines, body: float) -> PageBlocks:
    """The blocks of a page in reading order. body: the document's usual size in points."""
    tables, used = _tables(page)
    blocks = PageBlocks()
    blocks.width, blocks.height = page.width, page.height
    held: list[Line] = []
    placed: set[int] = set()
    lines = _apart(page.lines, used)
    shown = PageLines(lines, page.width, page.height)
    for line in _in_reading_order(shown, is_mixed=len(lines) > len(page.lines)):
        table = used.get(id(line))
        if table is not None:
            _flush(held, blocks, body)
            if table not in placed:
                placed.add(table)
                blocks.append(tables[table])
            continue
        if held and not _continues(held, line):
            _flush(held, blocks, body)
        held.append(line)
    _flush(held, blocks, body)
    return blocks


def _flush(held: list[Line], blocks: list[Block], body: float) -> None:
    if not held:
        return
    text = _joined(held)
    level = _heading_level(held, text, body)
    lines = tuple(Placed(line.text, line.x0, line.top, line.x1, line.bottom) for line in held)
    if level:
        blocks.append(Block("heading", text.replace("\n", " "), level, lines))
    else:
        blocks.append(Block("list" if _BULLET.match(text) else "text", text, 0, lines))
    held.clear()


def _heading_level(held: list[Line], text: str, body: float) -> int:
    if len(text) > _HEADING_CHARS or len(held) > 3 or not any(character.isalpha() for character in text):
        return 0
    ratio = held[0].size / max(body, 1.0)
    for least, level in _HEADING_RATIOS:
        if ratio >= least:
            return level
    alone_and_bold = len(held) == 1 and held[0].bold and len(text) <= 90 and ratio >= 0.95 and text[-1] not in ".,;:"
    return 4 if alone_and_bold else 0


def _continues(held: list[Line], line: Line) -> bool:
    last = held[-1]
    if abs(line.size - last.size) > 0.12 * max(last.size, 1.0) or line.bold != last.bold or _BULLET.match(line.text):
        return False
    if line.top < last.top - 0.5 * last.height:  # a new column: a sentence may run on, a finished one does not
        return last.text.rstrip()[-1:] not in ".!?:" and line.text[:1].islower()
    gap = line.top - last.bottom
    return (
        gap <= 0.75 * max(last.height, line.height)
        and line.x0 < last.x1 + last.height
        and line.x1 > last.x0 - last.height
    )


def _joined(lines: list[Line]) -> str:
    """Lines as running text: cut words made whole, a line that ends early kept as a line of its own."""
    right = max(line.x1 for line in lines)
    width = max(right - min(line.x0 for line in lines), 1.0)
    text = lines[0].text.strip()
    for before, line in pairwise(lines):
        ends_early = before.x1 < right - 0.3 * width and before.text.rstrip()[-1:] not in (
            "-",
            "\x02",
            "\ufffe",
            "\u00ad",
        )
        text += ("\v" if ends_early else "\n") + line.text.strip()
    if not text.isascii() or "\x02" in text:
        text = _SOFT_HYPHEN.sub("", text)
    if "-\n" in text or "\u2010\n" in text:
        text = _LINE_HYPHEN.sub(lambda cut: cut[1] + ("" if cut[2].islower() else "-") + cut[2], text)
    return text.replace("\n", " ").replace("\v", "\n")


def common_start(lines: list[Line]) -> float | None:
    """Where the second half of lines of two halves starts, when it is the same place for many of them; points from the left edge."""
    starts = Counter(round(line.cells[1].x0 / _SAME_START) for line in lines if len(line.cells) == 2)
    place, count = max(starts.items(), key=lambda one: one[1], default=(0, 0))
    return place * _SAME_START if count >= _COLUMN_LINES else None


def starts_at(cell: Cell, x: float) -> bool:
    """Whether the cell starts at x, as near as columns of text do."""
    return abs(cell.x0 - x) <= 2 * _SAME_START


def _apart(lines: list[Line], used: dict[int, int]) -> list[Line]:
    """Lines of two columns that stand at one height, drawn as one, become two: when the page has many such, outside of tables."""
    halves = [line for line in lines if len(line.cells) == 2 and id(line) not in used]
    gutter = common_start(halves)
    pairs = {
        id(line)
        for line in halves
        if all(" " in cell.text for cell in line.cells) or (gutter is not None and starts_at(line.cells[1], gutter))
    }
    if len(pairs) < max(_COLUMN_LINES, _COLUMN_SHARE * len(lines)):
        return lines
    apart: list[Line] = []
    for line in lines:
        parts = line.cells if id(line) in pairs else []
        apart += [replace(line, text=cell.text, x0=cell.x0, x1=cell.x1, cells=[]) for cell in parts] or [line]
    return apart


def _in_reading_order(page: PageLines, *, is_mixed: bool = False) -> list[Line]:
    """The order of the file unless it jumps about the page, or `is_mixed`: then column by column, from the top down."""
    lines = page.lines
    if len(lines) < 8:
        return lines
    jumps = sum(
        1 for before, line in pairwise(lines) if line.bottom < before.top - 0.5 * before.height and line.x0 < before.x1
    )
    if not is_mixed and jumps <= _DISORDER_SHARE * len(lines):
        return lines
    gutter = _gutter(page)
    by_place = sorted(lines, key=lambda line: (round(line.top / 3), line.x0))
    return by_place if gutter is None else _by_columns(by_place, gutter)


def _gutter(page: PageLines) -> float | None:
    """Where a vertical line crosses few lines and has many on either side."""
    best: tuple[int, float] | None = None
    for step in range(35, 66, 2):
        x = page.width * step / 100
        crossing = sum(1 for line in page.lines if line.x0 < x < line.x1)
        left = sum(1 for line in page.lines if line.x1 <= x)
        right = len(page.lines) - crossing - left
        if min(left, right) >= len(page.lines) // 4 and (best is None or crossing < best[0]):
            best = (crossing, x)
    return best[1] if best is not None and best[0] <= len(page.lines) // 5 else None


def _by_columns(lines: list[Line], gutter: float) -> list[Line]:
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in lines:
        if line.x0 < gutter < line.x1:
            ordered += [*left, *right, line]
            left, right = [], []
        else:
            (left if line.x1 <= gutter else right).append(line)
    return [*ordered, *left, *right]


@dataclass(slots=True)
class _Row:
    lines: list[Line]
    cells: list[Cell]
    top: float
    bottom: float

    @property
    def is_tabular(self) -> bool:
        return len(self.cells) >= 2


def _tables(page: PageLines) -> tuple[list[Block], dict[int, int]]:
    """The page's tables, and which lines (by id) each has swallowed."""
    tables: list[Block] = []
    used: dict[int, int] = {}
    if sum(1 for line in page.lines if line.cells) + _same_height_pairs(page.lines) < _TABLE_ROWS - 1:
        return tables, used
    place = {id(line): at for at, line in enumerate(page.lines)}
    for run in _runs(_rows(page.lines)):
        words = [len(cell.text.split()) for row in run for cell in row.cells]
        # Columns of prose lie beside each other like cells, but the file draws one whole column after the other.
        limit = _CELL_WORDS if _drawn_by_rows(run, place) else _LOOSE_CELL_WORDS
        if sum(words) > limit * len(words):
            continue
        columns = _columns(run)
        if len(columns) < 2:
            continue
        for row in run:
            used.update((id(line), len(tables)) for line in row.lines)
        lines = tuple(
            Placed("", row.cells[0].x0, row.top, max(cell.x1 for cell in row.cells), row.bottom) for row in run
        )
        tables.append(Block("table", table_text([_placed(row, columns) for row in run]), 0, lines))
    return tables, used


def _drawn_by_rows(run: list[_Row], place: dict[int, int]) -> bool:
    """Whether most rows of the run stand together in the file's own order. place: of each line, by its id, in that order."""
    spread = [
        max(places) - min(places) - len(places) + 1
        for row in run
        if (places := [place[id(line)] for line in row.lines])
    ]
    return sum(1 for gap in spread if gap == 0) * 2 > len(spread)


def _same_height_pairs(lines: list[Line]) -> int:
    tops = Counter(round(line.bottom / 3) for line in lines)
    return sum(1 for count in tops.values() if count > 1)


def _rows(lines: list[Line]) -> list[_Row]:
    rows: list[_Row] = []
    for line in sorted(lines, key=lambda one: (one.top + one.bottom, one.x0)):
        cells = line.cells or [Cell(line.text.strip(), line.x0, line.x1)]
        middle = (line.top + line.bottom) / 2
        if rows and rows[-1].top <= middle <= rows[-1].bottom:
            rows[-1].lines.append(line)
            rows[-1].cells.extend(cells)
        else:
            rows.append(_Row([line], list(cells), line.top, line.bottom))
    for row in rows:
        row.cells.sort(key=lambda cell: cell.x0)
    return rows


def _runs(rows: list[_Row]) -> list[list[_Row]]:
    """Stretches of rows with several cells; a single row with one cell between them belongs to the table too."""
    runs: list[list[_Row]] = []
    current: list[_Row] = []
    for index, row in enumerate(rows):
        near = not current or row.top - current[-1].bottom < 3.0 * max(row.bottom - row.top, 1.0)
        bridges = (
            bool(current)
            and index + 1 < len(rows)
            and rows[index + 1].is_tabular
            and len(row.cells[0].text.split()) <= _CELL_WORDS
        )
        if near and (row.is_tabular or bridges):
            current.append(row)
            continue
        runs.append(current)
        current = [row] if row.is_tabular else []
    runs.append(current)
    return [run for run in runs if sum(1 for row in run if row.is_tabular) >= _TABLE_ROWS]


def _columns(run: list[_Row]) -> list[tuple[float, float]]:
    """The extents of the columns: cells that overlap from row to row. A cell that spans several columns does not join them."""
    extents: list[tuple[float, float]] = []
    cells = sorted((cell for row in run if row.is_tabular for cell in row.cells), key=lambda cell: cell.x1 - cell.x0)
    for cell in cells:
        touching = [at for at, (x0, x1) in enumerate(extents) if cell.x0 < x1 and cell.x1 > x0]
        if not touching:
            extents.append((cell.x0, cell.x1))
        elif len(touching) == 1:
            at = touching[0]
            extents[at] = (min(extents[at][0], cell.x0), max(extents[at][1], cell.x1))
    return sorted(extents)


def _placed(row: _Row, columns: list[tuple[float, float]]) -> list[str]:
    placed = [""] * len(columns)
    for cell in row.cells:
        overlaps = [min(cell.x1, x1) - max(cell.x0, x0) for x0, x1 in columns]
        at = overlaps.index(max(overlaps))
        placed[at] = f"{placed[at]} {cell.text}".strip()
    return placed
