"""Removes files and texts that no document has, such as a crash between storing bytes and their row leaves, and those of older versions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog

from voiceagent.documents.parts import DocumentParts, file_blob, text_blob
from voiceagent.domain.document import Document
from voiceagent.kit.errors import NotFound

_log = structlog.get_logger(__name__)

GRACE_S = 3_600.0
"""An upload stores its row within minutes of its bytes; what has had none for this long never gets one."""

_AREAS = ("documents", "texts")


class Sweeper:
    """Remembers which files were without a document, and since when. A file goes only when it was so twice, GRACE_S apart.

    That is safe beside uploads: a new document has an id of its own, so its file is young; a new version has a number above that of the row,
    and such files are left alone.
    """

    def __init__(self, parts: DocumentParts, *, grace_s: float = GRACE_S) -> None:
        self._parts = parts
        self._grace_s = grace_s
        self._since_s: dict[str, float] = {}

    async def sweep(self, tenant_id: str) -> int:
        """How many files were removed. Idempotent; several processes may sweep at a time."""
        now_s = self._parts.clock.monotonic_s()
        orphans = {name async for name in self._orphans(tenant_id)}
        known = {name: since for name, since in self._since_s.items() if name.startswith(f"{tenant_id}/")}
        for name in known.keys() - orphans:
            del self._since_s[name]
        removed = 0
        for name in orphans:
            if now_s - self._since_s.setdefault(name, now_s) >= self._grace_s and await self._is_orphan(
                tenant_id, name
            ):
                removed += await self._parts.blobs.delete(name)
                del self._since_s[name]
        if removed:
            _log.info("files_swept", count=removed)
        return removed

    async def _orphans(self, tenant_id: str) -> AsyncIterator[str]:
        """The names come in order, so those of one document stand together and it is looked up once."""
        for area in _AREAS:
            document_id, document = "", None
            async for name in self._parts.blobs.names(f"{tenant_id}/{area}/"):
                if _document_id(name) != document_id:
                    document_id = _document_id(name)
                    document = await self._document(tenant_id, document_id)
                if _is_left_over(tenant_id, name, document):
                    yield name

    async def _is_orphan(self, tenant_id: str, name: str) -> bool:
        return _is_left_over(tenant_id, name, await self._document(tenant_id, _document_id(name)))

    async def _document(self, tenant_id: str, document_id: str) -> Document | None:
        async with self._parts.store.begin(tenant_id, read_only=True) as work:
            try:
                return await work.documents.get(document_id)
            except NotFound:
                return None


def _document_id(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _is_left_over(tenant_id: str, name: str, document: Document | None) -> bool:
    if document is None:
        return True
    version = name.rpartition("/")[2].split(".")[1]
    is_old = version.isdigit() and int(version) <= document.version
    return is_old and name not in (file_blob(tenant_id, document), text_blob(tenant_id, document))


async def remove_older(parts: DocumentParts, tenant_id: str, ready: Document) -> None:
    """The files and texts of versions that this one has replaced."""
    kept = {file_blob(tenant_id, ready), text_blob(tenant_id, ready)}
    for area in ("documents", "texts"):
        names = [name async for name in parts.blobs.names(f"{tenant_id}/{area}/{ready.document_id}.")]
        for name in names:
            version = name.rpartition("/")[2].split(".")[1]
            if name not in kept and version.isdigit() and int(version) < ready.version:
                await parts.blobs.delete(name)
