"""Documents and collections as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, delete, func, select

from voiceagent.adapters.store.scope import Scope, follows, leads, mine, param, placed, restored, upsert
from voiceagent.adapters.store.tables import collections, documents
from voiceagent.domain.document import ALL, Collection, Document, Narrowed, Tally
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Conflict, NotFound

_GET = select(documents).where(mine(documents, "document_id"))
_HOLD = _GET.with_for_update()
_PLACE = (documents.c.created_at, documents.c.document_id)
_SOME = select(documents).where(mine(documents)).limit(param("count"))
_IS_OPEN = documents.c.open_version.is_not_distinct_from(documents.c.version)
_NARROWED = {
    "before": follows(*_PLACE),
    "after": leads(*_PLACE),
    "collection_id": documents.c.collection_id == param("collection_id"),
    "kind": documents.c.kind == param("kind"),
    "states": documents.c.state.in_(param("states", expanding=True)),
    "is_open": param("is_open", _IS_OPEN) == _IS_OPEN,
}
_BY_SHA256 = (
    select(documents).where(mine(documents, "blob_sha256")).order_by(documents.c.created_at, documents.c.document_id)
)
_TOTALS = select(func.count(), func.coalesce(func.sum(documents.c.size_bytes), 0)).where(mine(documents))
_DELETE = delete(documents).where(mine(documents, "document_id"))
_GET_COLLECTION = select(collections).where(mine(collections, "collection_id"))
_LOCK_COLLECTION = _GET_COLLECTION.with_for_update(key_share=True, read=True)
_ALL_COLLECTIONS = (
    select(collections).where(mine(collections)).order_by(collections.c.name, collections.c.collection_id)
)
_TALLIES = (
    select(documents.c.collection_id, documents.c.state, _IS_OPEN, func.count(), func.sum(documents.c.size_bytes))
    .where(mine(documents), documents.c.collection_id.in_(param("collection_ids", expanding=True)))
    .group_by(documents.c.collection_id, documents.c.state, _IS_OPEN)
)
_HOLD_COLLECTIONS = (  # blocks nobody who puts a document, only others who ask for the totals
    select(collections.c.collection_id)
    .where(mine(collections))
    .order_by(collections.c.collection_id)
    .with_for_update(key_share=True)
)
_ANY_DOCUMENT = select(documents.c.document_id).where(mine(documents, "collection_id")).limit(1)
_HOLD_COLLECTION = _GET_COLLECTION.with_for_update()
_DELETE_COLLECTION = delete(collections).where(mine(collections, "collection_id"))


class SqlDocuments:
    """Documents of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, document_id: str, *, hold: bool = False) -> Document:
        row = await self._scope.row(_HOLD if hold else _GET, document_id=document_id)
        if row is None:
            raise NotFound("document_not_found", "there is no such document", param="document_id")
        return document_of(row)

    async def put(self, document: Document) -> None:
        if await self._scope.row(_LOCK_COLLECTION, collection_id=document.collection_id) is None:
            raise _unknown_collection()
        open_version = None if document.reader_ids else document.version
        row = dataclasses.asdict(document) | {"open_version": open_version}
        await self._scope.put(upsert(self._scope.dialect, documents), row)

    async def page(self, *, before: Place | None, limit: int, wanted: Narrowed = ALL) -> tuple[Document, ...]:
        asked = dataclasses.asdict(wanted)
        oldest_first = asked.pop("oldest_first")
        values = {name: value for name, value in asked.items() if value is not None}
        place = () if before is None else ("after" if oldest_first else "before",)
        query = _page_of(oldest_first, *place, *values)
        rows = await self._scope.rows(query, count=limit, **values, **placed(before))
        return tuple(document_of(row) for row in rows)

    async def by_sha256(self, blob_sha256: str) -> tuple[Document, ...]:
        return tuple(document_of(row) for row in await self._scope.rows(_BY_SHA256, blob_sha256=blob_sha256))

    async def totals(self) -> tuple[int, int]:
        await self._scope.run(_HOLD_COLLECTIONS)
        count, size_bytes = tuple((await self._scope.run(_TOTALS)).one())
        return int(count), int(size_bytes)

    async def delete(self, document_id: str) -> bool:
        return await self._scope.changed(_DELETE, document_id=document_id)


@cache
def _page_of(oldest_first: bool, *narrowed: str) -> Select[Any]:
    order = [column.asc() if oldest_first else column.desc() for column in _PLACE]
    return _SOME.where(*(_NARROWED[name] for name in narrowed)).order_by(*order)


class SqlCollections:
    """Collections of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, collection_id: str) -> Collection:
        row = await self._scope.row(_GET_COLLECTION, collection_id=collection_id)
        if row is None:
            raise _unknown_collection()
        return _collection(row)

    async def put(self, collection: Collection) -> None:
        row = dataclasses.asdict(collection) | {"reader_ids": sorted(collection.reader_ids)}
        await self._scope.put(upsert(self._scope.dialect, collections), row)

    async def all(self) -> tuple[Collection, ...]:
        return tuple(_collection(row) for row in await self._scope.rows(_ALL_COLLECTIONS))

    async def tallies(self, collection_ids: Sequence[str]) -> tuple[Tally, ...]:
        rows = await self._scope.run(_TALLIES, collection_ids=list(collection_ids))
        return tuple(
            Tally(collection_id, state, bool(is_open), int(count), int(size_bytes))
            for collection_id, state, is_open, count, size_bytes in map(tuple, rows)
        )

    async def delete(self, collection_id: str) -> bool:
        if await self._scope.row(_HOLD_COLLECTION, collection_id=collection_id) is None:
            return False
        if await self._scope.row(_ANY_DOCUMENT, collection_id=collection_id) is not None:
            raise Conflict("collection_not_empty", "documents are in this collection", param="collection_id")
        return await self._scope.changed(_DELETE_COLLECTION, collection_id=collection_id)


def _unknown_collection() -> NotFound:
    return NotFound("collection_not_found", "there is no such collection", param="collection_id")


def document_of(row: dict[str, Any]) -> Document:
    """A row of `documents`, opened."""
    return restored(Document, row, metadata=dict(row["metadata"]))


def _collection(row: dict[str, Any]) -> Collection:
    return restored(Collection, row, reader_ids=frozenset(row["reader_ids"]))
