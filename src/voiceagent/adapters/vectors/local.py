"""The embedded vector store: a folder a tenant with one database of words and vectors, sealed under a key of the tenant's own when there are keys.

Blocking work runs on threads of its own.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from voiceagent.adapters.vectors import local_keys as index_keys
from voiceagent.adapters.vectors.local_index import LocalIndex
from voiceagent.adapters.vectors.local_sqlite import SqliteError
from voiceagent.domain.document import Passage
from voiceagent.kit.errors import Forbidden, InvalidInput, Misconfigured, StorageFull, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.keys import Keys
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_DISK_FULL = 28  # ENOSPC
OPEN_INDEXES = 64
"""So many tenants' indexes stay open, with their vectors in memory: the one that was used longest ago is closed for another."""
T = TypeVar("T")


def open_vectors(url: str, keys: Keys | None = None) -> LocalVectors:
    """The store for `local:///abs/folder`. Raises Misconfigured `bad_url`."""
    path = unquote(urlsplit(url).path)
    if not path.strip("/"):
        raise Misconfigured("bad_url", "the local vector store needs a folder: local:///path/to/folder")
    return LocalVectors(Path(path), keys)


class _Open:
    """An open index and how many calls use it now."""

    def __init__(self, index: LocalIndex) -> None:
        self.index = index
        self.users = 0


class LocalVectors:
    """Opens a tenant's index when it is first needed and keeps it open. keys: seal all that is stored; None stores it as it is."""

    def __init__(self, folder: Path, keys: Keys | None = None, *, search_threads: int = 2) -> None:
        self._folder = folder
        self._keys = keys
        self._indexes: dict[str, _Open] = {}
        self._index_keys: dict[str, bytes] = {}
        self._opening = threading.Lock()
        self._searching = Offload("vectors-search", threads=search_threads)
        self._changing = Offload("vectors-change", threads=1, queue=256)
        self._closed = False

    async def put(
        self, tenant_id: str, model: str, document: IndexedDocument, chunks: tuple[IndexedChunk, ...]
    ) -> None:
        self._known(tenant_id)  # forgets one that is gone
        await self._on_index(tenant_id, self._changing, lambda index: index.put(model, document, chunks))

    async def search(self, tenant_id: str, model: str, query: VectorQuery) -> tuple[Passage, ...]:
        if not self._known(tenant_id):
            return ()
        return await self._on_index(tenant_id, self._searching, lambda index: index.search(model, query))

    async def delete(self, tenant_id: str, document_id: str) -> bool:
        if not self._known(tenant_id):
            return False
        return await self._on_index(tenant_id, self._changing, lambda index: index.delete(document_id))

    async def drop(self, tenant_id: str, model: str | None = None) -> None:
        if not self._known(tenant_id):
            return
        if model is not None:
            await self._on_index(tenant_id, self._changing, lambda index: index.drop_model(model))
        else:
            await self._run(self._changing, lambda: self._drop_tenant(tenant_id))

    async def scrub(self, tenant_id: str) -> None:
        if self._known(tenant_id):
            await self._on_index(tenant_id, self._changing, lambda index: index.scrub())

    async def rewrap(self, tenant_id: str, *, old_key_id: str) -> int:
        folder = self._path(tenant_id)
        wrapped = await self._run(self._changing, lambda: index_keys.wrapped_key(folder))
        if self._keys is None or wrapped is None or wrapped[0] != old_key_id:
            return 0
        known = await self._keys.of(tenant_id, needed=old_key_id)
        key = index_keys.opened_key(tenant_id, wrapped, known.keys)
        await self._run(self._changing, lambda: index_keys.put_key(folder, tenant_id, key, known.active))
        return 1

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(2.0):
                await self._run(self._searching, lambda: self._folder.mkdir(parents=True, exist_ok=True))
        except (Unavailable, StorageFull, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._searching.close()
        self._changing.close()
        with self._opening:
            for entry in self._indexes.values():
                entry.index.close()
            self._indexes.clear()

    async def _on_index(self, tenant_id: str, pool: Offload, work: Callable[[LocalIndex], T]) -> T:
        key = await self._key(tenant_id)

        def on_thread() -> T:
            with self._used(tenant_id, key) as index:
                return work(index)

        return await self._run(pool, on_thread)

    async def _key(self, tenant_id: str) -> bytes | None:
        """What the tenant's index is sealed under, made when there is none; None where nothing is sealed.

        Raises Forbidden `keys_destroyed` within 5 s of their end, although the index may still be open.
        """
        folder = self._path(tenant_id)
        if self._keys is None:
            await self._run(self._searching, lambda: index_keys.refuse_sealed(folder))
            return None
        try:
            known = await self._keys.of(tenant_id)
        except Forbidden:
            await self._run(self._changing, lambda: self._close(tenant_id))
            raise
        if tenant_id in self._index_keys:
            return self._index_keys[tenant_id]
        wrapped = await self._run(self._searching, lambda: index_keys.wrapped_key(folder))
        if wrapped is None:
            await self._run(self._changing, lambda: index_keys.make_key(folder, tenant_id, known.active))
            wrapped = await self._run(self._searching, lambda: index_keys.wrapped_key(folder))
        if wrapped is None:
            raise Unavailable("vectors_unavailable", "the index was dropped meanwhile")
        if wrapped[0] not in known.keys:
            known = await self._keys.of(tenant_id, needed=wrapped[0])
        key = self._index_keys[tenant_id] = index_keys.opened_key(tenant_id, wrapped, known.keys)
        return key

    async def _run(self, pool: Offload, work: Callable[[], T]) -> T:
        """`work` on a thread. A cancelled caller stops waiting; a change that has begun is finished whole."""
        if self._closed:
            raise Unavailable("vectors_unavailable", "the vector store is closed")
        try:
            return await pool.run(work)
        except SqliteError as error:
            if "full" in str(error):
                raise StorageFull("storage_full", "there is no room left for the index") from error
            raise Unavailable("vectors_unavailable", "the index cannot be read or written") from error
        except OSError as error:
            if error.errno == _DISK_FULL:
                raise StorageFull("storage_full", "there is no room left for the index") from error
            raise Unavailable("vectors_unavailable", "the index cannot be read or written") from error

    def _known(self, tenant_id: str) -> bool:
        entry = self._indexes.get(tenant_id)
        if entry is not None and not entry.index.is_there:
            self._forget(tenant_id)
        return tenant_id in self._indexes or self._path(tenant_id).exists()

    def _forget(self, tenant_id: str) -> None:
        """The file is gone: what is written from now on needs a new one. Not closed, since a search may be at it."""
        with self._opening:
            self._indexes.pop(tenant_id, None)
            self._index_keys.pop(tenant_id, None)

    @contextmanager
    def _used(self, tenant_id: str, key: bytes | None) -> Iterator[LocalIndex]:
        with self._opening:
            entry = self._indexes.pop(tenant_id, None)
            if entry is None:
                entry = _Open(LocalIndex(self._path(tenant_id), key))
            self._indexes[tenant_id] = entry  # the last in line is the one used last
            entry.users += 1
            self._close_idle()
        try:
            yield entry.index
        finally:
            with self._opening:
                entry.users -= 1

    def _close_idle(self) -> None:
        idle = [tenant_id for tenant_id, entry in self._indexes.items() if entry.users == 0]
        for tenant_id in idle[: max(len(self._indexes) - OPEN_INDEXES, 0)]:
            self._indexes.pop(tenant_id).index.close()

    def _close(self, tenant_id: str) -> None:
        with self._opening:
            self._index_keys.pop(tenant_id, None)
            entry = self._indexes.pop(tenant_id, None)
            if entry is not None:
                entry.index.close()

    def _drop_tenant(self, tenant_id: str) -> None:
        self._close(tenant_id)
        shutil.rmtree(self._path(tenant_id), ignore_errors=True)

    def _path(self, tenant_id: str) -> Path:
        if not _TENANT.fullmatch(tenant_id):
            raise InvalidInput("bad_tenant_id", "this is no tenant id")
        return self._folder / tenant_id
