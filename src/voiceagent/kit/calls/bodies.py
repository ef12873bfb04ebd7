"""Reading an answer that must not fill the memory."""

from __future__ import annotations

from typing import Protocol


class Stream(Protocol):
    """What aiohttp's StreamReader does: gives what has arrived, b"" at the end."""

    async def read(self, n: int, /) -> bytes: ...


async def read_up_to(stream: Stream, limit_bytes: int) -> bytes:
    """The next `limit_bytes` bytes, fewer only where the answer ends: a single read gives no more than the first packets brought."""
    parts: list[bytes] = []
    missing = limit_bytes
    while missing > 0 and (part := await stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
