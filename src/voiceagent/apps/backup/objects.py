"""Objects of a blob store as one stream of frames, and back. What is encrypted stays encrypted: it is copied as it lies there."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from voiceagent.adapters.blobs.sealed import key_object
from voiceagent.apps.backup.pieces import broken
from voiceagent.kit.errors import NotFound
from voiceagent.ports.blobs import BlobStore

_NAME, _DATA, _END = b"N", b"D", b"E"
_LENGTH_BYTES = 4
_TRIES = 5


class Sink(Protocol):
    """Takes the bytes of a stream."""

    def write(self, data: bytes) -> None:
        """Add `data`."""
        ...


@dataclass(slots=True)
class ObjectList:
    """The objects of one place and the hash of each."""

    sha256s: dict[str, str] = field(default_factory=dict)

    def hex(self, tenant_id: str) -> str:
        """The hash over the names and bytes of the tenant's objects."""
        digest = hashlib.sha256()
        for name in self.of(tenant_id):
            digest.update(f"{name}\0{self.sha256s[name]}\n".encode())
        return digest.hexdigest()

    def of(self, tenant_id: str) -> list[str]:
        """The names of the tenant's objects in order."""
        return sorted(name for name in self.sha256s if name.startswith(f"{tenant_id}/"))


class ObjectCopy:
    """Copies objects into a sink, each once; one that was replaced by another meanwhile is copied again, and the later one counts."""

    def __init__(self, blobs: BlobStore, sink: Sink) -> None:
        self._blobs = blobs
        self._sink = sink
        self._keys: dict[str, str] = {}
        self._again: set[str] = set()
        self.copied = ObjectList()

    async def copy(self, prefix: str) -> None:
        """Copy what there is under `prefix` and was not copied yet, and the keys of what is sealed."""
        for _ in range(_TRIES):
            names = [name async for name in self._blobs.names(prefix)]
            for name in names:
                if name not in self.copied.sha256s or name in self._again:
                    self._again.discard(name)
                    await self._copied(name)
            if not self._anew(prefix):
                return

    def _anew(self, prefix: str) -> bool:
        """Copy again what was sealed anew between its bytes and its key; whether there was any."""
        stale = [name for name, key in self._keys.items() if name.startswith(prefix) and key not in self.copied.sha256s]
        for name in stale:
            del self._keys[name]
        self._again.update(stale)
        return bool(stale)

    async def _copied(self, name: str) -> None:
        digest, head, begun = hashlib.sha256(), b"", False
        try:
            async for data in self._blobs.get(name):
                if not begun:
                    self._frame(_NAME, name.encode())
                    begun = True
                head = head if len(head) >= 64 else head + data[:64]
                digest.update(data)
                self._frame(_DATA, data)
        except NotFound:
            if begun:
                raise
            return  # deleted since it was listed
        if not begun:
            self._frame(_NAME, name.encode())
        self._frame(_END, digest.digest())
        self.copied.sha256s[name] = digest.hexdigest()
        key = key_object(name, head)
        if key is not None:
            self._keys[name] = key

    def _frame(self, kind: bytes, data: bytes) -> None:
        self._sink.write(kind + len(data).to_bytes(_LENGTH_BYTES) + data)


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The frames of a stream. Raises Problem `backup_broken`."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        at = 0
        while at + 1 + _LENGTH_BYTES <= len(held):
            size = int.from_bytes(held[at + 1 : at + 1 + _LENGTH_BYTES])
            end = at + 1 + _LENGTH_BYTES + size
            if end > len(held):
                break
            yield bytes(held[at : at + 1]), bytes(held[at + 1 + _LENGTH_BYTES : end])
            at = end
        del held[:at]
    if held:
        raise broken("the stream of objects ends in the middle of one")


async def put_objects(chunks: Iterable[bytes], blobs: BlobStore | None) -> ObjectList:
    """Put the objects of a stream into `blobs` (None: only read them); the list of them. Raises Problem `backup_broken`."""
    found, each = ObjectList(), frames(chunks)
    for kind, data in each:
        if kind != _NAME:
            raise broken("the stream of objects has no name where one belongs")
        name, reading = data.decode(), _Reading(each)
        if blobs is None:
            async for _ in reading.bytes():
                pass
        else:
            await blobs.put(name, reading.bytes())
        found.sha256s[name] = reading.digest.hexdigest()
    return found


class _Reading:
    """The bytes of one object in a stream of frames."""

    def __init__(self, each: Iterator[tuple[bytes, bytes]]) -> None:
        self._each = each
        self.digest = hashlib.sha256()

    async def bytes(self) -> AsyncIterator[bytes]:
        for kind, data in self._each:
            if kind == _END:
                if data != self.digest.digest():
                    raise broken("an object is not what it was")
                return
            if kind != _DATA:
                break
            self.digest.update(data)
            yield data
        raise broken("the stream of objects ends in the middle of one")
