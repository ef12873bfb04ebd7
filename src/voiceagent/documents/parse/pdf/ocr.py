"""Reads the words of a scanned page with Tesseract, when the machine has it. Runs inside the locked child process."""

from __future__ import annotations

import ctypes
import subprocess
from typing import Any

import pypdfium2.raw as pdfium

from voiceagent.documents.parse.blocks import Block, ReadFailure, Task

_DPI = 200
_MAX_PIXELS = 20_000_000
_PAGE_TIMEOUT_S = 25.0
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1"}


def blocks_of(page: Any, width: float, height: float, task: Task) -> list[Block]:
    """The paragraphs of the page's picture. Raises ReadFailure `ocr_failed`."""
    scale = _DPI / 72
    pixels = max(width * scale * height * scale, 1.0)
    scale *= min(1.0, (_MAX_PIXELS / pixels) ** 0.5)
    columns, rows = max(int(width * scale), 1), max(int(height * scale), 1)
    text = _recognised(_picture(page, columns, rows), task.ocr)
    task.properties["text_recognised"] = "yes"
    return [Block("text", part.replace("\n", " ")) for part in text.split("\n\n") if part.strip()]


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
    command = [program, "stdin", "stdout", "--psm", "3"]
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments; the picture goes in by a pipe)
            command, input=picture, capture_output=True, timeout=_PAGE_TIMEOUT_S, check=True, env=_ENVIRONMENT
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ReadFailure("ocr_failed", "the words of a scanned page could not be recognised") from error
    return done.stdout.decode("utf-8", "replace")
