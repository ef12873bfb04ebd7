"""Server-sent events, reading side: bytes in, the payloads of `data:` lines out. Knows nothing of chat or of HTTP."""

from __future__ import annotations

from collections.abc import Iterator

MAX_LINE_BYTES = 1 << 20


class LineTooLong(ValueError):
    """A line grew over MAX_LINE_BYTES without an end."""


class SseReader:
    """Cuts a byte stream into `data:` payloads. Comments, other fields, blank lines and lines that are no field are left out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that `data` completes. Raises LineTooLong."""
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            raise LineTooLong
        return self._payloads(lines)

    def end(self) -> Iterator[bytes]:
        """The payload of a last line that came without its line end."""
        lines, self._rest = [self._rest], b""
        return self._payloads(lines)

    @staticmethod
    def _payloads(lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if line.startswith(b"data:"):
                payload = line[5:].strip()
                if payload:
                    yield payload
