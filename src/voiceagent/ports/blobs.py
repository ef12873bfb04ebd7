"""Objects: bytes under a name, written once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable


class BlobStore(Protocol):
    """Keeps bytes. Names are `<tenant_id>/<area>/<name>` of letters, digits, `-`, `_`, `.`; anything else is refused."""

    async def put(self, name: str, data: AsyncIterator[bytes] | bytes) -> int:
        """Store the bytes whole or not at all; durable when it returns their number. Replaces an object of that name.

        Raises InvalidInput `bad_blob_name`, StorageFull `storage_full`, Unavailable `blobs_unavailable`.
        """
        ...

    def get(self, name: str) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most 1 MiB. Raises NotFound `blob_not_found` before the first piece."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove it; False when there was none."""
        ...

    def names(self, prefix: str) -> AsyncIterator[str]:
        """The names that start with `prefix`, in order."""
        ...

    async def ready(self) -> bool:
        """Whether it would answer now. Bounded to 2 s; never raises."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


@runtime_checkable
class BlobLinks(Protocol):
    """What a store that can hand out links also is."""

    async def link(self, name: str) -> str | None:
        """A URL under which anybody gets the bytes for a short while, as they are stored; None where that is not possible or not wanted.

        Asks nobody: whether the object is there is found out by whoever follows the link.
        """
        ...
