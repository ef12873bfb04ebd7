"""/v1/files and /v1/vector_stores in OpenAI's shapes: a file is a document, a vector store is a collection."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from voiceagent.documents.api.routes_documents import UPLOAD_BODY_BYTES, get_content, pieces_of
from voiceagent.documents.api.shapes import service_of
from voiceagent.documents.parts import DEFAULT_COLLECTION_ID
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.domain.document import Collection, Document, Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

router: APIRouter = Router(prefix="/v1", tags=["openai"])

Reader = Annotated[Principal, Depends(require("documents:read"))]
Writer = Annotated[Principal, Depends(require("documents:write"))]
Service = Annotated[DocumentService, Depends(service_of)]
Json = dict[str, Any]

_SEARCH_S = 5.0
_STATES = {
    "queued": "in_progress",
    "parsing": "in_progress",
    "embedding": "in_progress",
    "ready": "completed",
    "failed": "failed",
}
_FILE_STATES = {"ready": "processed", "failed": "error"}


class StoreWanted(BaseModel):
    """OpenAI's parameters of a vector store; those that we do not know are ignored, as clients send many."""

    name: str = Field(default="Vector store", min_length=1, max_length=120)
    file_ids: list[str] = Field(default=[], max_length=500)


class StoreChanged(BaseModel):
    """What can be changed of a vector store; the rest of OpenAI's parameters is ignored."""

    name: str | None = Field(default=None, min_length=1, max_length=120)


class FileWanted(BaseModel):
    """A file to put into a vector store. attributes: only those that reading it finds are kept."""

    file_id: str
    attributes: Json | None = None


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
    purpose: Annotated[str, Form(max_length=64)] = "assistants",
) -> Json:
    """Take in a file."""
    upload = Upload(file.filename or "", file.content_type or "", pieces_of(file))
    return _file(await service.add(caller, upload)) | {"purpose": purpose}


@router.get("/files")
async def list_files(caller: Reader, service: Service, limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> Json:
    """The files that the caller may read, newest first."""
    found = await service.page(caller, before=None, limit=min(limit, 200), collection_id=None)
    return listed([_file(one) for one in found])


@router.get("/files/{file_id}")
async def get_file(file_id: str, caller: Reader, service: Service) -> Json:
    """A file."""
    return _file(await service.get(caller, file_id))


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
) -> Json:
    """The vector stores that the caller may search, newest first. after: the last one of the page before."""
    known = sorted(await service.collections(caller), key=lambda one: (one.created_at, one.collection_id), reverse=True)
    ids = [one.collection_id for one in known]
    if after and after not in ids:
        raise NotFound("collection_not_found", "there is no such vector store", param="after")
    rest = known[ids.index(after) + 1 :] if after else known
    page = listed([await _store(service, caller, one) for one in rest[:limit]])
    return page | {"has_more": len(rest) > limit}


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
        while found := await service.page(caller, before=None, limit=200, collection_id=store_id):
            for one in found:
                await service.move(caller, one.document_id, DEFAULT_COLLECTION_ID)
    await service.delete_collection(caller, store_id)
    return {"id": store_id, "object": "vector_store.deleted", "deleted": True}


@router.post("/vector_stores/{store_id}/files")
async def add_file(store_id: str, wanted: FileWanted, caller: Writer, service: Service) -> Json:
    """Put a file into a vector store. A file is in one store at a time."""
    without_attributes(wanted.attributes)
    return store_file(await service.move(caller, wanted.file_id, store_id))


@router.get("/vector_stores/{store_id}/files")
async def list_store_files(
    store_id: str, caller: Reader, service: Service, state: Annotated[str, Query(alias="filter", max_length=32)] = ""
) -> Json:
    """The files of a vector store, or those in one state."""
    await _collection(service, caller, store_id)
    found = await service.page(caller, before=None, limit=200, collection_id=store_id)
    shown = [store_file(one) for one in found]
    return listed([one for one in shown if state in ("", one["status"])])


@router.get("/vector_stores/{store_id}/files/{file_id}")
async def getstore_file(store_id: str, file_id: str, caller: Reader, service: Service) -> Json:
    """A file of a vector store, with its state."""
    return store_file(await _within(service, caller, store_id, file_id))


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
    kinds, languages = narrowing(wanted.filters)
    query = SearchQuery(text, limit=wanted.max_num_results, collection_ids=(store_id,), deadline_s=_SEARCH_S)
    query = replace(query, kinds=kinds, languages=languages)
    least = (wanted.ranking_options or {}).get("score_threshold", 0.0)
    if not isinstance(least, int | float):
        raise InvalidInput("bad_filter", "score_threshold is a number", param="ranking_options")
    found = [one for one in await service.search(caller, query) if one.score >= least]
    names = await _file_names(service, caller, {one.chunk.document_id for one in found})
    return {
        "object": "vector_store.search_results.page",
        "search_query": [text],
        "data": [_result(one, names[one.chunk.document_id]) for one in found if one.chunk.document_id in names],
        "has_more": False,
        "next_page": None,
    }


async def _within(service: DocumentService, caller: Principal, store_id: str, file_id: str) -> Document:
    document = await service.get(caller, file_id)
    if document.collection_id != store_id:
        raise NotFound("document_not_found", "there is no such file in this vector store", param="file_id")
    return document


async def _file_names(service: DocumentService, caller: Principal, file_ids: set[str]) -> dict[str, str]:
    """By id, without files that were deleted since they were found."""
    names: dict[str, str] = {}
    for file_id in file_ids:
        with suppress(NotFound):
            names[file_id] = (await service.get(caller, file_id)).file_name
    return names


def without_attributes(wanted: Json | None) -> None:
    """Raises InvalidInput `attributes_not_kept` when there are some: silently dropped, they would be missed in a search."""
    if wanted:
        message = "a file has the attributes kind and language, as they are read from it; others are not kept"
        raise InvalidInput("attributes_not_kept", message, param="attributes")


def narrowing(filters: Json | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """OpenAI's filters as kinds and languages: `kind` and `language`, equal to one value or in several, joined by `and`.

    Raises InvalidInput `bad_filter` for others: passages that a filter was to keep out would be worse than none.
    """
    if filters is None:
        return (), ()
    parts = filters.get("filters") if filters.get("type") == "and" else [filters]
    found: dict[str, tuple[str, ...]] = {}
    for one in parts if isinstance(parts, list) else [{}]:
        told = one if isinstance(one, dict) else {}
        name, value = str(told.get("key")), told.get("value")
        several = value if told.get("type") == "in" else [value] if told.get("type") == "eq" else []
        values = [each for each in several if isinstance(each, str)] if isinstance(several, list) else []
        readable = bool(values) and values == several
        if name not in ("kind", "language") or name in found or not readable:
            message = "filters may say kind and language, with eq or in, joined by and"
            raise InvalidInput("bad_filter", message, param="filters")
        found[name] = tuple(values)
    return found.get("kind", ()), found.get("language", ())


def _file(document: Document) -> Json:
    return {
        "id": document.document_id,
        "object": "file",
        "bytes": document.size_bytes,
        "created_at": int(document.created_at.timestamp()),
        "filename": document.file_name,
        "purpose": "assistants",
        "status": _FILE_STATES.get(document.state, "uploaded"),
        "status_details": document.failure_message,
    }


def store_file(document: Document) -> Json:
    error = {"code": document.failure_code, "message": document.failure_message} if document.state == "failed" else None
    return {
        "id": document.document_id,
        "object": "vector_store.file",
        "created_at": int(document.created_at.timestamp()),
        "vector_store_id": document.collection_id,
        "status": _STATES[document.state],
        "usage_bytes": document.size_bytes,
        "last_error": error,
        "attributes": {"kind": document.kind, "language": document.language},
    }


async def _store(service: DocumentService, caller: Principal, collection: Collection) -> Json:
    found = await service.page(caller, before=None, limit=200, collection_id=collection.collection_id)
    states = [_STATES[one.state] for one in found]
    counts = {name: states.count(name) for name in ("in_progress", "completed", "failed")}
    return {
        "id": collection.collection_id,
        "object": "vector_store",
        "created_at": int(collection.created_at.timestamp()),
        "name": collection.name,
        "usage_bytes": sum(one.size_bytes for one in found),
        "file_counts": {**counts, "cancelled": 0, "total": len(found)},
        "status": "in_progress" if counts["in_progress"] else "completed",
        "last_active_at": None,
        "metadata": {},
    }


async def _collection(service: DocumentService, caller: Principal, store_id: str) -> Collection:
    try:
        found = await service.collections(caller, store_id)
    except NotFound:
        found = ()
    if not found:
        raise NotFound("collection_not_found", "there is no such vector store", param="vector_store_id")
    return found[0]


def _result(passage: Passage, file_name: str) -> Json:
    chunk = passage.chunk
    attributes = {"page": chunk.page, "start": chunk.start, "end": chunk.end, "heading": chunk.heading}
    return {
        "file_id": chunk.document_id,
        "filename": file_name,
        "score": round(max(passage.score, 0.0), 4),
        "attributes": attributes,
        "content": [{"type": "text", "text": chunk.text}],
    }


def listed(items: list[Json]) -> Json:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False}
