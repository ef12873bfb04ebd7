"""/v1/files and /v1/vector_stores in OpenAI's shapes: a file is a document, a vector store is a collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from voiceagent.documents.api.attributes import attributes_of, checked, filter_of, narrowing
from voiceagent.documents.api.openai_shapes import (
    PURPOSE,
    STATES,
    Json,
    file_shown,
    listed,
    purpose_of,
    result_shown,
    store_file,
    store_shown,
)
from voiceagent.documents.api.routes_documents import UPLOAD_BODY_BYTES, get_content, pieces_of
from voiceagent.documents.api.shapes import service_of
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.domain.document import (
    DEFAULT_COLLECTION_ID,
    Collection,
    Document,
    Narrowed,
    SearchQuery,
)
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

router: APIRouter = Router(prefix="/v1", tags=["openai"])

Reader = Annotated[Principal, Depends(require("documents:read"))]
Writer = Annotated[Principal, Depends(require("documents:write"))]
Service = Annotated[DocumentService, Depends(service_of)]
Order = Literal["asc", "desc"]
FileState = Literal["", "in_progress", "completed", "failed", "cancelled"]

_SEARCH_S = 5.0
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of files. after: the last one of the page before.  order: asc for the oldest first."""

    limit: Annotated[int, Query(ge=1, le=100)] = 20
    after: Annotated[str, Query(max_length=64)] = ""
    order: Order = "desc"


class StoreWanted(BaseModel):
    """OpenAI's parameters of a vector store; those that we do not know are ignored, as clients send many."""

    name: str = Field(default="Vector store", min_length=1, max_length=120)
    file_ids: list[str] = Field(default=[], max_length=500)


class StoreChanged(BaseModel):
    """What can be changed of a vector store; the rest of OpenAI's parameters is ignored."""

    name: str | None = Field(default=None, min_length=1, max_length=120)


class FileWanted(BaseModel):
    """A file to put into a vector store, and what is said of it."""

    file_id: str
    attributes: Json | None = None


class FileChanged(BaseModel):
    """What is said of a file from now on; empty for nothing."""

    attributes: Json | None


class StoreSearch(BaseModel):
    """A search of a vector store."""

    query: str | list[str]
    max_num_results: int = Field(default=10, ge=1, le=50)
    filters: Json | None = None
    ranking_options: Json | None = None


@router.post("/files")
@body_limit(UPLOAD_BODY_BYTES)
@once("alone")
async def create_file(
    caller: Writer,
    service: Service,
    file: Annotated[UploadFile, File()],
    purpose: Annotated[str, Form(min_length=1, max_length=64)] = PURPOSE,
) -> Json:
    """Take in a file. The same bytes under the same name are the same file, with the purpose that was told first."""
    return file_shown(
        await service.add(
            caller, Upload(file.filename or "", file.content_type or "", pieces_of(file), purpose=purpose)
        )
    )


@router.get("/files")
async def list_files(
    caller: Reader,
    service: Service,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    after: Annotated[str, Query(max_length=64)] = "",
    order: Order = "desc",
    purpose: Annotated[str, Query(max_length=64)] = "",
) -> Json:
    """The files that the caller may read, newest first, or those of one purpose. after: the last one of the page before."""
    found, has_more = await _some(service, caller, None, Wanted(limit, after, order), purpose=purpose)
    return listed([file_shown(one) for one in found], has_more=has_more)


@router.get("/files/{file_id}")
async def get_file(file_id: str, caller: Reader, service: Service) -> Json:
    """A file."""
    return file_shown(await service.get(caller, file_id))


@router.get("/files/{file_id}/content")
async def get_file_content(file_id: str, caller: Reader, service: Service) -> Response:
    """The bytes of a file."""
    return await get_content(file_id, caller, service)


@router.delete("/files/{file_id}")
async def delete_file(file_id: str, caller: Writer, service: Service) -> Json:
    """Remove a file and every copy of it."""
    await service.delete(caller, file_id)
    return {"id": file_id, "object": "file", "deleted": True}


@router.post("/vector_stores")
@once()
async def create_store(wanted: StoreWanted, caller: Writer, service: Service) -> Json:
    """Make a vector store, with files in it if any are named."""
    await refuse_missing(service, caller, wanted.file_ids)  # before: who is refused finds no store that is half filled
    made = Collection(new_id("col"), wanted.name, datetime.now(UTC))
    await service.put_collection(caller, made, is_new=True)
    for file_id in wanted.file_ids:
        await service.move(caller, file_id, made.collection_id)
    return await _store(service, caller, made)


@router.get("/vector_stores")
async def list_stores(
    caller: Reader,
    service: Service,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str, Query(max_length=64)] = "",
    order: Order = "desc",
) -> Json:
    """The vector stores that the caller may search, newest first. after: the last one of the page before."""
    known = sorted(await service.collections(caller), key=lambda one: (one.created_at, one.collection_id))
    known = known if order == "asc" else known[::-1]
    ids = [one.collection_id for one in known]
    if after and after not in ids:
        raise NotFound("collection_not_found", "there is no such vector store", param="after")
    rest = known[ids.index(after) + 1 :] if after else known
    return listed(await _stores(service, caller, rest[:limit]), has_more=len(rest) > limit)


@router.get("/vector_stores/{store_id}")
async def get_store(store_id: str, caller: Reader, service: Service) -> Json:
    """A vector store."""
    return await _store(service, caller, await _collection(service, caller, store_id))


@router.post("/vector_stores/{store_id}")
async def change_store(store_id: str, wanted: StoreChanged, caller: Writer, service: Service) -> Json:
    """Rename a vector store."""
    known = await _collection(service, caller, store_id)
    if wanted.name is not None and wanted.name != known.name:
        known = await service.put_collection(caller, replace(known, name=wanted.name), is_new=False)
    return await _store(service, caller, known)


@router.delete("/vector_stores/{store_id}")
async def delete_store(store_id: str, caller: Writer, service: Service) -> Json:
    """Remove a vector store; its files stay. One that only some may read has to be empty: its files would be open to all."""
    known = await _collection(service, caller, store_id)
    if not known.reader_ids and store_id != DEFAULT_COLLECTION_ID:
        for one in [one async for one in every(service, caller, store_id)]:
            await service.move(caller, one.document_id, DEFAULT_COLLECTION_ID)
    await service.delete_collection(caller, store_id)
    return {"id": store_id, "object": "vector_store.deleted", "deleted": True}


@router.post("/vector_stores/{store_id}/files")
async def add_file(store_id: str, wanted: FileWanted, caller: Writer, service: Service) -> Json:
    """Put a file into a vector store. A file is in one store at a time."""
    return store_file(await service.move(caller, wanted.file_id, store_id, checked(wanted.attributes)))


@router.get("/vector_stores/{store_id}/files")
async def list_store_files(
    store_id: str,
    caller: Reader,
    service: Service,
    page: Annotated[Wanted, Depends()],
    state: Annotated[FileState, Query(alias="filter")] = "",
) -> Json:
    """The files of a vector store, or those in one state, newest first."""
    await _collection(service, caller, store_id)
    found, has_more = await _some(service, caller, store_id, page, state)
    return listed([store_file(one) for one in found], has_more=has_more)


@router.get("/vector_stores/{store_id}/files/{file_id}")
async def getstore_file(store_id: str, file_id: str, caller: Reader, service: Service) -> Json:
    """A file of a vector store, with its state."""
    return store_file(await _within(service, caller, store_id, file_id))


@router.post("/vector_stores/{store_id}/files/{file_id}")
async def change_store_file(store_id: str, file_id: str, wanted: FileChanged, caller: Writer, service: Service) -> Json:
    """Say something else of a file; searches go by it at once."""
    await _within(service, caller, store_id, file_id)
    return store_file(await service.move(caller, file_id, store_id, checked(wanted.attributes) or {}))


@router.get("/vector_stores/{store_id}/files/{file_id}/content")
async def get_store_file_content(store_id: str, file_id: str, caller: Reader, service: Service) -> Json:
    """The text that was read of a file."""
    await _within(service, caller, store_id, file_id)
    text = (await service.text(caller, file_id)).text
    data = [{"type": "text", "text": text}]
    return {"object": "vector_store.file_content.page", "data": data, "has_more": False, "next_page": None}


@router.delete("/vector_stores/{store_id}/files/{file_id}")
async def remove_store_file(store_id: str, file_id: str, caller: Writer, service: Service) -> Json:
    """Take a file out of a vector store; the file itself stays."""
    await _within(service, caller, store_id, file_id)
    await service.move(caller, file_id, DEFAULT_COLLECTION_ID)
    return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}


@router.post("/vector_stores/{store_id}/search")
async def search_store(store_id: str, wanted: StoreSearch, caller: Reader, service: Service) -> Json:
    """The passages of a vector store that fit best."""
    text = wanted.query if isinstance(wanted.query, str) else "\n".join(wanted.query)
    query = SearchQuery(text, limit=wanted.max_num_results, collection_ids=(store_id,), deadline_s=_SEARCH_S)
    query = await _narrowed(service, caller, store_id, query, wanted.filters)
    least = (wanted.ranking_options or {}).get("score_threshold", 0.0)
    if not isinstance(least, int | float):
        raise InvalidInput("bad_filter", "score_threshold is a number", param="ranking_options")
    found = [one for one in await service.search(caller, query) if one.score >= least]
    files = await service.several(caller, {one.chunk.document_id for one in found})
    return {
        "object": "vector_store.search_results.page",
        "search_query": [text],
        "data": [result_shown(one, files[one.chunk.document_id]) for one in found if one.chunk.document_id in files],
        "has_more": False,
        "next_page": None,
    }


async def refuse_missing(service: DocumentService, caller: Principal, file_ids: Iterable[str]) -> None:
    """Raises NotFound `document_not_found` unless the caller may read every one of these files."""
    wanted = set(file_ids)
    if len(await service.several(caller, wanted)) < len(wanted):
        raise NotFound("document_not_found", "there is no such file", param="file_ids")


async def _within(service: DocumentService, caller: Principal, store_id: str, file_id: str) -> Document:
    document = await service.get(caller, file_id)
    if document.collection_id != store_id:
        raise NotFound("document_not_found", "there is no such file in this vector store", param="file_id")
    return document


async def _narrowed(
    service: DocumentService, caller: Principal, store_id: str, query: SearchQuery, filters: Json | None
) -> SearchQuery:
    """The query among the files that OpenAI's filters let through."""
    known = narrowing(filters)
    if known is not None:
        return replace(query, kinds=known[0], languages=known[1])
    fulfils = filter_of(filters)
    found = [one.document_id async for one in every(service, caller, store_id) if fulfils(attributes_of(one))]
    return replace(query, document_ids=tuple(found))


async def every(
    service: DocumentService, caller: Principal, store_id: str | None, before: Place | None = None
) -> AsyncGenerator[Document, None]:
    """The files that the caller may read, of one vector store or all, newest first."""
    while found := await service.page(caller, before=before, limit=_PAGE, wanted=Narrowed(store_id)):
        for one in found:
            yield one
        before = found[-1].place


async def _some(
    service: DocumentService,
    caller: Principal,
    store_id: str | None,
    wanted: Wanted,
    state: FileState = "",
    purpose: str = "",
) -> tuple[list[Document], bool]:
    """A page of them, and whether more follow. state, purpose: only those of it, as OpenAI calls it; "": of any."""
    place = (await service.get(caller, wanted.after)).place if wanted.after else None
    states = tuple(one for one, shown in STATES.items() if shown == state) if state else None
    narrowed = Narrowed(store_id, states=states, oldest_first=wanted.order == "asc")
    found: list[Document] = []
    while True:
        count = max(wanted.limit + 1 - len(found), _PAGE if purpose else 0)
        rows = await service.page(caller, before=place, limit=count, wanted=narrowed)
        found += [one for one in rows if purpose in ("", purpose_of(one))]
        if len(rows) < count or len(found) > wanted.limit:
            return found[: wanted.limit], len(found) > wanted.limit
        place = rows[-1].place


async def _store(service: DocumentService, caller: Principal, collection: Collection) -> Json:
    return (await _stores(service, caller, [collection]))[0]


async def _stores(service: DocumentService, caller: Principal, collections: list[Collection]) -> list[Json]:
    tallies = await service.counts.of(caller, collections)
    return [store_shown(one, tallies.get(one.collection_id, [])) for one in collections]


async def _collection(service: DocumentService, caller: Principal, store_id: str) -> Collection:
    try:
        found = await service.collections(caller, store_id)
    except NotFound:
        found = ()
    if not found:
        raise NotFound("collection_not_found", "there is no such vector store", param="vector_store_id")
    return found[0]
