"""Notices that an index is gone: collections whose documents are ready and of which nothing is found. What follows is the worker's."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from voiceagent.documents.parts import DocumentParts
from voiceagent.domain.document import Document
from voiceagent.kit.errors import Problem
from voiceagent.ports.vectors import SearchMode, VectorQuery

_log = structlog.get_logger(__name__)


async def lost_collections(parts: DocumentParts, tenant_id: str, ready: Mapping[str, Document]) -> tuple[str, ...]:
    """Those of which the index has nothing. ready: by collection, a document of it that is indexed with the model of today.

    Meaning finds something wherever there is anything; words are asked first, since that reads no vectors. None when the index does not
    answer: it may be there.
    """
    lost = []
    try:
        for collection_id, document in ready.items():
            if not await _finds(parts, tenant_id, document, "words") and not await _finds(
                parts, tenant_id, document, "meaning"
            ):
                lost.append(collection_id)
    except Problem as problem:
        _log.info("index_not_looked_at", code=problem.code)
        return ()
    if lost:
        _log.warning("index_lost", collections=len(lost))
    return tuple(lost)


async def _finds(parts: DocumentParts, tenant_id: str, document: Document, mode: SearchMode) -> bool:
    direction = (1.0, *(0.0,) * (parts.embedder.capabilities.dimensions - 1))
    reader_id = min(document.reader_ids, default="")
    query = VectorQuery(
        document.title, direction, (document.collection_id,), reader_id=reader_id, limit=1, mode=mode
    )  # fmt: skip
    return bool(await parts.vectors.search(tenant_id, parts.spaces.current, query))
