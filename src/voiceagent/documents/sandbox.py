"""Gives every file a locked child process and a time to be read in. The service itself never parses a file."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import IO

from voiceagent.documents.formats import FileFormat
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.reading.collected import Collector, ParseFailed, ReaderStarved, broken
from voiceagent.documents.reading.forks import Child, ForkServer, shared
from voiceagent.kit.errors import Unavailable

__all__ = ["ParseFailed", "ReaderStarved", "Sandbox"]

_LINE_LIMIT_BYTES = 64 * 1024 * 1024
_STARVED_SHARE = 0.04
"""Of its time by the clock: one second, which reads 400 pages. A child with less was kept waiting by others. A larger share would give endless
files a second chance, too, wherever a machine is busy."""

_OCR_CPU_S = 120
_OCR_WALL_S = 150.0
_OCR_MEMORY_BYTES = 1024 * 1024 * 1024


class Sandbox:
    """Reads files, at most `parallel` at a time. ocr: None looks for Tesseract; "" turns recognition off."""

    def __init__(
        self,
        *,
        parallel: int = 10,
        limits: Limits | None = None,
        ocr: str | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(parallel)
        self._ocr = (shutil.which("tesseract") or "") if ocr is None else ocr
        self._forks = forks or shared()

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
                try:
                    return await self._read(file, file_format, password, ocr=self._ocr)
                except ParseFailed:
                    if document is None:
                        raise
                    return document  # its other pages have text

    async def _read(self, file: IO[bytes], file_format: FileFormat, password: str, *, ocr: str) -> ParsedDocument:
        limits = self._limits.of_file(os.fstat(file.fileno()).st_size)
        if ocr:  # recognition takes a second a page and more memory; it starts only when pages are without text
            limits = replace(limits, cpu_s=_OCR_CPU_S, wall_s=_OCR_WALL_S, memory_bytes=_OCR_MEMORY_BYTES)
        request: dict[str, object] = {
            "format": file_format.name,
            "limits": asdict(limits),
            "password": password,
            "ocr": ocr,
        }
        try:
            return await self._once(file, request, limits)
        except Unavailable:  # the fork server has died, which is nothing about the file: the next try starts another
            return await self._once(file, request, limits)

    async def _once(self, file: IO[bytes], request: dict[str, object], limits: Limits) -> ParsedDocument:
        file.seek(0)
        collector = Collector(limits.text_bytes)
        child = self._forks.fork(file)
        late: TimeoutError | None = None
        try:
            async with asyncio.timeout(limits.wall_s):
                await _collect(child, json.dumps(request).encode(), collector)
        except TimeoutError as error:
            late = error
        finally:
            exit_code, cpu_s = await asyncio.shield(asyncio.ensure_future(child.end()))
        if late is not None:
            failure = ReaderStarved if cpu_s < _STARVED_SHARE * limits.wall_s else ParseFailed
            raise failure("time_limit", "the file takes too long to read") from late
        return collector.document(exit_code)


async def _fill(file: IO[bytes], data: AsyncIterator[bytes]) -> None:
    async for piece in data:
        file.write(piece)
    file.flush()


async def _collect(child: Child, request: bytes, collector: Collector) -> None:
    """Tell the child what to do, and take its lines until it has said how it ended or hangs up."""
    reader, writer = await asyncio.open_unix_connection(sock=child.line, limit=_LINE_LIMIT_BYTES)
    try:
        writer.write(request + b"\n")
        while not collector.is_complete and (line := await reader.readline()):
            collector.add(line)
    except ValueError as error:  # a line over the limit
        raise broken() from error
    except ConnectionError:  # it has ended with what was said to it unread
        return
    finally:
        writer.close()
