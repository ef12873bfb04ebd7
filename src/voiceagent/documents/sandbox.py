"""Starts one locked child process a document and collects what it reads. The service itself never parses a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, replace
from math import inf, isfinite
from pathlib import Path
from typing import IO, Any

from voiceagent.documents.formats import FileFormat
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.parsed import PAGE_BREAK, ParsedDocument, Span
from voiceagent.domain.document import Box, Page
from voiceagent.kit.errors import InvalidInput, Unavailable

_LINE_LIMIT_BYTES = 64 * 1024 * 1024
_QUICK_S = 1.0
_SLOW_NICENESS = 10
"""Above this process: a tenth of its share. With 19, a seventieth, a busy machine starves honest long files until their time is over."""

_LEAST_PRIORITY = 19
_STARVED_SHARE = 0.04
"""Of its time by the clock: one second, which reads 400 pages. A child with less was kept waiting by others. A larger share would give endless
files a second chance, too, wherever a machine is busy."""

_OCR_CPU_S = 120
_OCR_WALL_S = 150.0
_OCR_MEMORY_BYTES = 1024 * 1024 * 1024


class ParseFailed(InvalidInput):
    """The file cannot be read; `code` is one of docs/errors.md's document codes and stays with the document."""

    status = 422


class ReaderStarved(ParseFailed):
    """Time is over, but the machine was too busy to read: nothing is known about the file, another time may do."""


class Sandbox:
    """Reads files, at most `parallel` at a time. ocr: None looks for Tesseract; "" turns recognition off."""

    def __init__(self, *, parallel: int = 10, limits: Limits | None = None, ocr: str | None = None) -> None:
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(parallel)
        self._ocr = (shutil.which("tesseract") or "") if ocr is None else ocr

    async def read(self, data: AsyncIterator[bytes], file_format: FileFormat, *, password: str = "") -> ParsedDocument:
        """What the file holds. The child ends with this call, whatever happens; a cancelled call kills it.

        Raises ParseFailed with the reason as code (ReaderStarved when it never had its share of the processor), Unavailable
        `sandbox_unavailable` when no process can be started.
        """
        async with self._slots:
            with tempfile.TemporaryFile() as file:
                await _fill(file, data)
                document: ParsedDocument | None = None
                try:
                    document = await self._read(file, file_format, password, ocr="")
                    if not self._ocr or "pages_not_recognised" not in document.properties:
                        return document
                except ParseFailed as failure:
                    if failure.code != "no_text" or file_format.name != "pdf" or not self._ocr:
                        raise
                file.seek(0)
                try:
                    return await self._read(file, file_format, password, ocr=self._ocr)
                except ParseFailed:
                    if document is None:
                        raise
                    return document  # its other pages have text

    async def _read(self, file: IO[bytes], file_format: FileFormat, password: str, *, ocr: str) -> ParsedDocument:
        limits = self._limits
        if ocr:  # recognition takes a second a page and more memory; it starts only when pages are without text
            limits = replace(limits, cpu_s=_OCR_CPU_S, wall_s=_OCR_WALL_S, memory_bytes=_OCR_MEMORY_BYTES)
        options = json.dumps({"limits": asdict(limits), "password": password, "ocr": ocr})
        child = await _start(file, file_format.name, options)
        collector = _Collector(limits.text_bytes)
        slow = asyncio.get_running_loop().call_later(_QUICK_S, _lower_priority, child.pid)
        try:
            async with asyncio.timeout(limits.wall_s):
                await _collect(child, collector)
                await child.wait()
        except TimeoutError as error:
            starved = _cpu_used_s(child.pid) < _STARVED_SHARE * limits.wall_s
            failure = ReaderStarved if starved else ParseFailed
            raise failure("time_limit", "the file takes too long to read") from error
        finally:
            slow.cancel()
            await _end(child)
        return collector.document(child.returncode or 0)


def _cpu_used_s(process_id: int) -> float:
    """Processor seconds of a child and of what it started and saw end; infinite where the system does not tell."""
    try:
        told = Path(f"/proc/{process_id}/stat").read_bytes().rpartition(b") ")[2].split()
        return sum(int(ticks) for ticks in told[11:15]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return inf


def _lower_priority(process_id: int) -> None:
    """A file that takes long waits behind those that do not: eight hostile ones cost a good one little."""
    with contextlib.suppress(OSError):  # it may have ended meanwhile
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, process_id, min(own + _SLOW_NICENESS, _LEAST_PRIORITY))


async def _fill(file: IO[bytes], data: AsyncIterator[bytes]) -> None:
    async for piece in data:
        file.write(piece)
    file.flush()
    file.seek(0)


async def _start(file: IO[bytes], format_name: str, options: str) -> asyncio.subprocess.Process:
    command = ("-I", "-X", "utf8", "-m", "voiceagent.documents.parse", format_name, options)
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=file.fileno(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LINE_LIMIT_BYTES,
            env={"PATH": os.defpath, "OMP_THREAD_LIMIT": "1"},
            cwd="/",
        )
    except OSError as error:
        raise Unavailable("sandbox_unavailable", "no process can be started to read the file") from error


async def _collect(child: asyncio.subprocess.Process, collector: _Collector) -> None:
    assert child.stdout is not None  # noqa: S101 (a pipe was asked for above)
    try:
        while line := await child.stdout.readline():
            collector.add(json.loads(line))
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # a line over the limit, or a child taken over
        raise ParseFailed("parser_crashed", "the reader of the file broke down") from error


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill the child with everything that it started, and wait for it, even when this call is cancelled again."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        if child.returncode is None:
            child.kill()
    await asyncio.shield(child.wait())


class _Collector:
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

    def add(self, line: dict[str, Any]) -> None:
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
        if self._failure is not None:
            raise ParseFailed(*self._failure)
        if self._end is None:
            raise _death(exit_code)
        properties = {str(name)[:64]: str(value)[:500] for name, value in dict(self._end["properties"]).items()}
        hidden = {str(kind)[:64]: int(count) for kind, count in dict(self._end["hidden"]).items()}
        text = PAGE_BREAK.join(page.text for page in self._pages)
        return ParsedDocument(text, tuple(self._pages), tuple(self._spans), properties, hidden, tuple(self._boxes))


def _finite(values: Sequence[object]) -> tuple[float, ...]:
    """Numbers that JSON can tell again. Raises ValueError for others."""
    numbers = tuple(float(str(value)) for value in values)
    if not all(isfinite(number) for number in numbers):
        raise ValueError("not a finite number")
    return numbers


def _death(exit_code: int) -> ParseFailed:
    if -exit_code in (signal.SIGXCPU, signal.SIGKILL):
        return ParseFailed("time_limit", "the file takes too long to read")
    return ParseFailed("parser_crashed", "the reader of the file broke down")
