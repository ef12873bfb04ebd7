"""/api/v1/collections and /api/v1/search."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends

from voiceagent.documents.api.shapes import (
    CollectionList,
    CollectionShown,
    CollectionWanted,
    PassageList,
    SearchWanted,
    collection_shown,
    passage_shown,
    service_of,
)
from voiceagent.documents.service import DocumentService
from voiceagent.domain.document import Collection, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.ids import new_id
from voiceagent.web.answers.paging import in_utc
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

_SEARCH_S = 5.0

router: APIRouter = Router(prefix="/api/v1", tags=["documents"])

Reader = Annotated[Principal, Depends(require("documents:read"))]
Writer = Annotated[Principal, Depends(require("documents:write"))]
Service = Annotated[DocumentService, Depends(service_of)]


@router.get("/collections")
async def list_collections(caller: Reader, service: Service) -> CollectionList:
    """The collections that the caller may read."""
    return CollectionList(items=[collection_shown(one) for one in await service.collections(caller)])


@router.post("/collections", status_code=201)
@once()
async def create_collection(wanted: CollectionWanted, caller: Writer, service: Service) -> CollectionShown:
    """Make a collection."""
    made = _collection(new_id("col"), wanted)
    return collection_shown(await service.put_collection(caller, made, is_new=True))


@router.put("/collections/{collection_id}")
async def change_collection(
    collection_id: str, wanted: CollectionWanted, caller: Writer, service: Service
) -> CollectionShown:
    """Rename a collection or change who may search it; searches follow at once."""
    return collection_shown(await service.put_collection(caller, _collection(collection_id, wanted), is_new=False))


@router.delete("/collections/{collection_id}", status_code=204)
async def delete_collection(collection_id: str, caller: Writer, service: Service) -> None:
    """Remove an empty collection."""
    await service.delete_collection(caller, collection_id)


@router.post("/search")
async def search(wanted: SearchWanted, caller: Reader, service: Service) -> PassageList:
    """The passages that fit best, among those that the caller may read."""
    query = SearchQuery(
        text=wanted.query,
        limit=wanted.limit,
        collection_ids=None if wanted.collection_ids is None else tuple(wanted.collection_ids),
        kinds=tuple(wanted.kinds),
        languages=tuple(wanted.languages),
        after=wanted.after and in_utc(wanted.after),
        before=wanted.before and in_utc(wanted.before),
        deadline_s=_SEARCH_S,
        neighbours=wanted.neighbours,
    )
    return PassageList(items=[passage_shown(one) for one in await service.search(caller, query)])


def _collection(collection_id: str, wanted: CollectionWanted) -> Collection:
    return Collection(collection_id, wanted.name, datetime.now(UTC), frozenset(wanted.reader_ids))
