"""What a root key is to the ring of tenants' keys: it wraps, it opens, it can be followed by a newer one. Where it lies is in roots.py and vault.py."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Root(Protocol):
    """One root key, or several of which the first wraps and all open."""

    @property
    def index_secret(self) -> bytes:
        """Makes keyed hashes of sealed values; the same whatever root key comes after this one."""
        ...

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` under the newest root key. Raises Unavailable `root_key_unavailable`."""
        ...

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key. Raises Problem `sealed_data_broken` when no live root key opens it, Unavailable `root_key_unavailable`."""
        ...

    async def rewrapped(self, wrapped: bytes, context: bytes) -> bytes | None:
        """The same under the newest root key; None when it is already. Raises what `unwrap` raises."""
        ...

    async def renew(self, aside: Path) -> bool:
        """Make a newer root key live beside those before it; nothing when there already is one: a rotation was stopped.

        False: the operator has to put the text in `aside` where the root key comes from, and come again.
        """
        ...

    async def retire(self, aside: Path) -> None:
        """End the older root keys. They, or the text that is left for the operator to set, are in `aside`. Idempotent."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
