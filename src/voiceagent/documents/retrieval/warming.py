"""Opens the indexes of organisations when a process starts, so that the first caller does not wait until vectors lie in memory."""

from __future__ import annotations

import structlog

from voiceagent.documents.parts import DocumentParts
from voiceagent.kit.errors import Problem
from voiceagent.ports.vectors import VectorQuery

_log = structlog.get_logger(__name__)

TENANTS = 32
"""So many organisations: what is opened also stays in memory."""


async def warm(parts: DocumentParts) -> None:
    """Search once in every index that has documents, for nothing. Ends by itself; a part that does not answer is left to the first caller."""
    opened = 0
    try:
        for tenant in await parts.store.directory.tenants():
            if opened == TENANTS:
                return
            opened += await _opened(parts, tenant.tenant_id)
    except Problem as problem:
        _log.info("warming_ended", code=problem.code)


async def _opened(parts: DocumentParts, tenant_id: str) -> bool:
    async with parts.store.begin(tenant_id, read_only=True) as work:
        collections = tuple(one.collection_id for one in await work.collections.all())
        space = await parts.spaces.searched(work)
    embedder = parts.spaces.embedder_of(space)
    if not collections or embedder is None:
        return False
    direction = (1.0, *(0.0,) * (embedder.capabilities.dimensions - 1))
    await parts.vectors.search(tenant_id, space, VectorQuery("document", direction, collections, reader_id="", limit=1))
    return True
