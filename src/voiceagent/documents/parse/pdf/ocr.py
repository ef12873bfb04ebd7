"""Reads the words of a scanned page with Tesseract, when the machine has it. Runs inside the locked child process."""

from __future__ import annotations

import ctypes
import re
import subprocess
from typing import Any

import pypdfium2.raw as pdfium

from voiceagent.documents.parse.blocks import Block, Placed, ReadFailure, Task

_DPI = 200
_MAX_PIXELS = 20_000_000
_PAGE_TIMEOUT_S = 60.0
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1"}
_COLUMNS = 12
_WORD_LEVEL = "5"
_LEAST_SURE = 10.0
"""Of 100, as Tesseract counts."""

_JOIN = re.compile(r"([^\W\d_])-\n([a-z])")
_Word = Placed


def blocks_of(page: Any, width: float, height: float, task: Task) -> list[Block]:
    """The paragraphs of the page's picture, and where their lines stand. Raises ReadFailure `ocr_failed`."""
    scale = _DPI / 72
    pixels = max(width * scale * height * scale, 1.0)
    scale *= min(1.0, (_MAX_PIXELS / pixels) ** 0.5)
    columns, rows = max(int(width * scale), 1), max(int(height * scale), 1)
    told = _recognised(_picture(page, columns, rows), task.ocr)
    task.properties["text_recognised"] = "yes"
    return paragraphs_of(told, 1 / scale)


def paragraphs_of(told: str, points_a_pixel: float) -> list[Block]:
    """What Tesseract's table of words (TSV) says. Words of which it is hardly sure at all are specks and lines, not words."""
    paragraphs: dict[tuple[str, str], dict[str, list[_Word]]] = {}
    for row in told.split("\n")[1:]:
        cells = row.rstrip("\r").split("\t")
        if len(cells) < _COLUMNS or cells[0] != _WORD_LEVEL or not cells[11].strip():
            continue
        left, top, width, height = (int(cell) * points_a_pixel for cell in cells[6:10])
        if float(cells[10]) < _LEAST_SURE:
            continue
        word = _Word(cells[11].strip(), left, top, left + width, top + height)
        paragraphs.setdefault((cells[2], cells[3]), {}).setdefault(cells[4], []).append(word)
    return [_block(list(lines.values())) for lines in paragraphs.values()]


def _block(lines: list[list[_Word]]) -> Block:
    placed = tuple(
        Placed(
            " ".join(word.text for word in words),
            min(word.x0 for word in words),
            min(word.y0 for word in words),
            max(word.x1 for word in words),
            max(word.y1 for word in words),
        )
        for words in lines
    )
    return Block("text", _JOIN.sub(r"\1\2", "\n".join(line.text for line in placed)).replace("\n", " "), 0, placed)


def _picture(page: Any, columns: int, rows: int) -> bytes:
    """The page in shades of grey, as a PGM file."""
    bitmap = pdfium.FPDFBitmap_CreateEx(columns, rows, pdfium.FPDFBitmap_Gray, None, 0)
    if not bitmap:
        raise ReadFailure("too_complex", "a page is too large to be recognised")
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, columns, rows, 0xFFFF_FFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, columns, rows, 0, pdfium.FPDF_GRAYSCALE)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        address = pdfium.FPDFBitmap_GetBuffer(bitmap)
        raw = ctypes.string_at(address, stride * rows)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    lines = raw if stride == columns else b"".join(raw[at * stride : at * stride + columns] for at in range(rows))
    return b"P5 %d %d 255\n" % (columns, rows) + lines


def _recognised(picture: bytes, program: str) -> str:
    command = [program, "stdin", "stdout", "--dpi", str(_DPI), "--psm", "3", "-c", "tessedit_create_tsv=1"]
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments; the picture goes in by a pipe)
            command, input=picture, capture_output=True, timeout=_PAGE_TIMEOUT_S, check=True, env=_ENVIRONMENT
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ReadFailure("ocr_failed", "the words of a scanned page could not be recognised") from error
    return done.stdout.decode("utf-8", "replace")
