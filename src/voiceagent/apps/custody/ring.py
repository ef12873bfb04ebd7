"""A ring of keys to look into before anything may be written: what is put there is kept in memory, and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voiceagent.kit.errors import NotFound
from voiceagent.ports.blobs import BlobStore


class UntouchedRing:
    """A ring of keys, None for an empty one, that is read alone: what opening the keys would put there for the first time is kept here, and forgotten."""

    def __init__(self, ring: BlobStore | None) -> None:
        self._ring = ring
        self._put: dict[str, bytes] = {}

    async def put(self, name: str, data: AsyncIterator[bytes] | bytes) -> int:
        self._put[name] = data if isinstance(data, bytes) else b"".join([piece async for piece in data])
        return len(self._put[name])

    async def get(self, name: str) -> AsyncIterator[bytes]:
        if name in self._put:
            yield self._put[name]
        elif self._ring is None:
            raise NotFound("blob_not_found", "there is no such key")
        else:
            async for piece in self._ring.get(name):
                yield piece

    async def delete(self, name: str) -> bool:
        return self._put.pop(name, None) is not None

    async def names(self, prefix: str) -> AsyncIterator[str]:
        kept = [name async for name in self._ring.names(prefix)] if self._ring is not None else []
        for name in sorted({*kept, *(name for name in self._put if name.startswith(prefix))}):
            yield name

    async def ready(self) -> bool:
        return self._ring is None or await self._ring.ready()

    async def close(self) -> None:
        if self._ring is not None:
            await self._ring.close()
