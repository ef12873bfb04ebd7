"""Reads PDF through PDFium: text with positions, form fields, notes, properties; scanned pages through text recognition when there is one."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from voiceagent.documents.parse.blocks import Block, ReadFailure, Task
from voiceagent.documents.parse.pdf import ocr
from voiceagent.documents.parse.pdf.calls import address_of, char_box, fill_color, font_size, font_weight
from voiceagent.documents.parse.pdf.frame import Frame
from voiceagent.documents.parse.pdf.layout import (
    Cell,
    Line,
    PageLines,
    blocks_of,
    body_size,
    common_start,
    starts_at,
    without_repeated_margins,
)

_TINY_POINTS = 1.6
_WIDE_LINE = 0.62
"""Points of width a character and point of size. Letters of common fonts take about 0.5; a line above this has gaps in it."""

_CELL_GAP = 0.9
_BOLD_WEIGHT = 600
_SAFE_CHARS_PER_PAGE = 200_000
_MAX_ANNOTATIONS = 2_000
_ANNOTATION_CHARS = 4_000
_LOOKED_AT_OBJECTS = 100
_OCR_S = 120.0
"""Recognition stops here, under the sandbox's limit: what was read by then is kept."""


def read(task: Task) -> Iterator[list[Block]]:
    """The pages. Raises ReadFailure `password_needed`, `wrong_password`, `damaged`, `too_many_pages`, `no_text`."""
    document = _opened(task)
    count = len(document)
    if count > task.limits.pages:
        raise ReadFailure("too_many_pages", f"the document has more than {task.limits.pages} pages")
    task.properties.update(_properties(document))
    pages: list[PageLines] = []
    extras: list[list[Block]] = []
    for index in range(count):
        lines, extra = _page(document, index, task)
        pages.append(lines)
        extras.append(extra)
    removed = without_repeated_margins(pages)
    if removed:
        task.properties["running_lines_removed"] = str(removed)
    body = body_size(pages)
    for lines, extra in zip(pages, extras, strict=True):
        blocks = blocks_of(lines, body)
        blocks.extend(extra)
        yield blocks


def _opened(task: Task) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(task.data, password=task.password or None)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            code = "wrong_password" if task.password else "password_needed"
            raise ReadFailure(code, "the file is encrypted and needs its password") from error
        raise ReadFailure("damaged", "the file is damaged and cannot be read") from error


def _properties(document: pypdfium2.PdfDocument) -> dict[str, str]:
    names = {
        "Title": "title",
        "Author": "authors",
        "CreationDate": "created",
        "ModDate": "modified",
        "Subject": "subject",
        "Keywords": "keywords",
    }
    told = document.get_metadata_dict(skip_empty=True)
    return {ours: told[theirs] for theirs, ours in names.items() if theirs in told}


def _page(document: pypdfium2.PdfDocument, index: int, task: Task) -> tuple[PageLines, list[Block]]:
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        task.hidden["unreadable_page"] += 1
        return PageLines([], 612.0, 792.0), []
    try:
        width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
        lines = _text_lines(page, Frame(page, width, height), task)
        extra = _annotations(document, page)
        if not lines and _has_picture(page):
            extra = [*_recognised(page, width, height, task), *extra]
        return PageLines(lines, width, height), extra
    finally:
        pdfium.FPDF_ClosePage(page)


def _recognised(page: Any, width: float, height: float, task: Task) -> list[Block]:
    """The words of a scanned page; nothing, and the page counted, when there is no recogniser or its time is over."""
    if task.ocr and time.monotonic() - task.started_s < _OCR_S:
        return ocr.blocks_of(page, width, height, task)
    missed = int(task.properties.get("pages_not_recognised", "0"))
    task.properties["pages_not_recognised"] = str(missed + 1)
    return []


def _has_picture(page: Any) -> bool:
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM, pdfium.FPDF_PAGEOBJ_PATH)  # letters may be drawn, too
    count = min(pdfium.FPDFPage_CountObjects(page), _LOOKED_AT_OBJECTS)
    return any(pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, at)) in kinds for at in range(count))


def _text_lines(page: Any, frame: Frame, task: Task) -> list[Line]:
    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        return []
    try:
        count = pdfium.FPDFText_CountChars(text_page)
        if count <= 0:
            return []
        if count > _SAFE_CHARS_PER_PAGE:
            raise ReadFailure("too_complex", "a page holds more characters than a page can")
        units = (ctypes.c_ushort * (count + 1))()
        written = pdfium.FPDFText_GetText(text_page, 0, count, units)
        raw = bytes(units)[: max(written - 1, 0) * 2]
        return _Liner(text_page, raw, count, frame, task).lines()
    finally:
        pdfium.FPDFText_ClosePage(text_page)


class _Liner:
    """Cuts PDFium's text of a page at its line ends and asks for the place of each line: three calls a line, not one a character."""

    def __init__(self, text_page: Any, raw: bytes, count: int, frame: Frame, task: Task) -> None:
        self._page = text_page
        self._raw = raw
        self._same_index = len(raw) // 2 == count
        self._frame = frame
        self._task = task
        self._box = pdfium.FS_RECTF()
        self._color = (ctypes.c_uint * 4)()
        self._handle = address_of(text_page)
        self._box_at = ctypes.addressof(self._box)
        first = ctypes.addressof(self._color)
        self._color_at = tuple(first + at * ctypes.sizeof(ctypes.c_uint) for at in range(4))

    def lines(self) -> list[Line]:
        """Lines of the page in the file's order; `cells` of those that have wide gaps."""
        begun = list(self._begun())
        gutter = common_start([line for line, _ in begun])
        if gutter is not None:  # other lines may run over it: their gap is narrow for their length
            for line, start in begun:
                if not line.cells and line.x0 + line.size < gutter < line.x1 - line.size:
                    cells = self._cells(line.text, start, line.size)
                    line.cells = cells if any(starts_at(cell, gutter) for cell in cells) else []
        return [line for line, _ in begun]

    def _begun(self) -> Iterator[tuple[Line, int]]:
        """Each line, and where its text starts in the page's."""
        start = 0
        for part in self._raw.decode("utf-16-le", "replace").split("\n"):
            length = len(part)
            if not part.isascii():
                length += sum(map("\uffff".__lt__, part))
            text = part.strip()
            if text:
                first = start + (part.index(text[0]) if part[0] != text[0] else 0)
                line = self._line(text, first)
                if line is not None:
                    yield line, first
            start += length + 1

    def _line(self, text: str, start: int) -> Line | None:
        handle = self._handle
        first, last = start, start + len(text) - 1
        if not self._same_index:
            first, last = self._index(first), self._index(last)
        x0, x1, top, bottom = self._loose(first)
        y0, y1 = top, bottom
        if last != first:
            other_x0, other_x1, other_top, other_bottom = self._loose(last)
            x0, x1 = min(x0, other_x0), max(x1, other_x1)
            if other_bottom > other_top:
                y0, y1 = min(y0, other_top), max(y1, other_bottom)
        if 0.0 < bottom - top < _TINY_POINTS:
            self._task.hidden["tiny"] += 1
            return None
        size = font_size(handle, first)
        if size < 2.0:  # the size may stand in the matrix instead
            size = (bottom - top) * 0.85
        if self._is_white(first):
            self._task.hidden["white"] += 1  # may stand on a dark ground: counted, kept
        bold = len(text) <= 90 and font_weight(handle, first) >= _BOLD_WEIGHT
        line = Line(text, x0, x1, y0, y1, size, bold)
        if x1 - x0 > _WIDE_LINE * size * len(text) and " " in text:
            line.cells = self._cells(text, start, size)
        return line

    def _index(self, text_index: int) -> int:
        return (
            text_index
            if self._same_index
            else max(pdfium.FPDFText_GetCharIndexFromTextIndex(self._page, text_index), 0)
        )

    def _loose(self, index: int) -> tuple[float, float, float, float]:
        """Left, right, upper and lower edge of a character on the page as it is shown."""
        frame = self._frame
        if not char_box(self._handle, index, self._box_at):
            return 0.0, 0.0, frame.height, frame.height
        box = self._box
        if frame.is_plain:
            return box.left, box.right, frame.height - box.top, frame.height - box.bottom
        return frame.shown(box.left, box.right, box.bottom, box.top)

    def _is_white(self, index: int) -> bool:
        if not fill_color(self._handle, index, *self._color_at):
            return False
        red, green, blue, _ = self._color
        return red > 250 and green > 250 and blue > 250

    def _cells(self, text: str, start: int, size: float) -> list[Cell]:
        """The parts of a line between gaps wider than a word space; none when there is no such gap."""
        cells: list[Cell] = []
        position = cell_start = 0
        left = self._loose(self._index(start))[0]
        right = left
        for word in text.split(" "):
            if word:
                word_left = self._loose(self._index(start + position))[0]
                if position > cell_start and word_left - right > _CELL_GAP * size:
                    cells.append(Cell(text[cell_start:position].strip(), left, right))
                    cell_start, left = position, word_left
                right = self._loose(self._index(start + position + len(word) - 1))[1]
            position += len(word) + 1
        cells.append(Cell(text[cell_start:].strip(), left, right))
        return cells if len(cells) > 1 else []


def _annotations(document: pypdfium2.PdfDocument, page: Any) -> list[Block]:
    """What is typed into form fields and what notes on the page say."""
    blocks: list[Block] = []
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        if kind == pdfium.FPDF_ANNOT_WIDGET:
            value, name = _annotation_text(note, b"V"), _annotation_text(note, b"TU") or _annotation_text(note, b"T")
            if value.strip():
                blocks.append(Block("text", f"{name}: {value}" if name.strip() else value))
        elif kind in (pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_HIGHLIGHT):
            value = _annotation_text(note, b"Contents")
            if value.strip():
                blocks.append(Block("text", value))
        pdfium.FPDFPage_CloseAnnot(note)
    return blocks


def _annotation_text(note: Any, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(note, key, None, 0)
    if not 2 < size <= 2 * _ANNOTATION_CHARS:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    pdfium.FPDFAnnot_GetStringValue(note, key, buffer, size)
    return bytes(buffer)[:-2].decode("utf-16-le", "replace")
