"""The embedded vector store: a folder a tenant, SQLite for words, a file of vectors a model. Blocking work runs on threads of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from voiceagent.adapters.vectors.local_index import LocalIndex
from voiceagent.domain.document import Passage
from voiceagent.kit.errors import InvalidInput, Misconfigured, StorageFull, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_DISK_FULL = 28  # ENOSPC
T = TypeVar("T")


def open_vectors(url: str) -> LocalVectors:
    """The store for `local:///abs/folder`. Raises Misconfigured `bad_url`."""
    path = unquote(urlsplit(url).path)
    if not path.strip("/"):
        raise Misconfigured("bad_url", "the local vector store needs a folder: local:///path/to/folder")
    return LocalVectors(Path(path))


class LocalVectors:
    """Opens a tenant's index when it is first needed and keeps it open."""

    def __init__(self, folder: Path, *, search_threads: int = 2) -> None:
        self._folder = folder
        self._indexes: dict[str, LocalIndex] = {}
        self._opening = threading.Lock()
        self._searching = Offload("vectors-search", threads=search_threads)
        self._changing = Offload("vectors-change", threads=1, queue=256)
        self._closed = False

    async def put(
        self, tenant_id: str, model: str, document: IndexedDocument, chunks: tuple[IndexedChunk, ...]
    ) -> None:
        await self._run(self._changing, lambda: self._index(tenant_id).put(model, document, chunks))

    async def search(self, tenant_id: str, model: str, query: VectorQuery) -> tuple[Passage, ...]:
        if not self._known(tenant_id):
            return ()
        return await self._run(self._searching, lambda: self._index(tenant_id).search(model, query))

    async def delete(self, tenant_id: str, document_id: str) -> bool:
        if not self._known(tenant_id):
            return False
        return await self._run(self._changing, lambda: self._index(tenant_id).delete(document_id))

    async def drop(self, tenant_id: str, model: str | None = None) -> None:
        if not self._known(tenant_id):
            return
        if model is not None:
            await self._run(self._changing, lambda: self._index(tenant_id).drop_model(model))
        else:
            await self._run(self._changing, lambda: self._drop_tenant(tenant_id))

    async def scrub(self, tenant_id: str) -> None:
        if self._known(tenant_id):
            await self._run(self._changing, lambda: self._index(tenant_id).scrub())

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
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()

    async def _run(self, pool: Offload, work: Callable[[], T]) -> T:
        """`work` on a thread. A cancelled caller stops waiting; a change that has begun is finished whole."""
        if self._closed:
            raise Unavailable("vectors_unavailable", "the vector store is closed")
        try:
            return await pool.run(work)
        except sqlite3.Error as error:
            if "full" in str(error):
                raise StorageFull("storage_full", "there is no room left for the index") from error
            raise Unavailable("vectors_unavailable", "the index cannot be read or written") from error
        except OSError as error:
            if error.errno == _DISK_FULL:
                raise StorageFull("storage_full", "there is no room left for the index") from error
            raise Unavailable("vectors_unavailable", "the index cannot be read or written") from error

    def _known(self, tenant_id: str) -> bool:
        return tenant_id in self._indexes or self._path(tenant_id).exists()

    def _index(self, tenant_id: str) -> LocalIndex:
        with self._opening:
            index = self._indexes.get(tenant_id)
            if index is None:
                index = self._indexes[tenant_id] = LocalIndex(self._path(tenant_id))
            return index

    def _drop_tenant(self, tenant_id: str) -> None:
        with self._opening:
            index = self._indexes.pop(tenant_id, None)
            if index is not None:
                index.close()
            shutil.rmtree(self._path(tenant_id), ignore_errors=True)

    def _path(self, tenant_id: str) -> Path:
        if not _TENANT.fullmatch(tenant_id):
            raise InvalidInput("bad_tenant_id", "this is no tenant id")
        return self._folder / tenant_id
